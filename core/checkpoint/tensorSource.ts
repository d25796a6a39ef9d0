// A tensor of an open checkpoint as worker threads take it: paths in place of file numbers.

import { QuantscopeError } from '../base/errors.ts';
import type { Extent, Matrix, PackedMatrix, TensorSource, TensorStorage } from '../tensor/storage.ts';
import { type Checkpoint, matrixShape, type TensorInfo } from './checkpoint.ts';

/** @throws TENSOR_NOT_FOUND */
export function tensorAt(checkpoint: Checkpoint, index: number): TensorInfo {
  const tensor = checkpoint.tensors[index];
  if (tensor === undefined)
    throw new QuantscopeError(
      'TENSOR_NOT_FOUND',
      `${checkpoint.name}: tensor ${index} wanted, it has ${checkpoint.tensors.length}`,
    );
  return tensor;
}

/** 1-D tensors are one row. @throws TENSOR_NOT_FOUND */
export function tensorSource(checkpoint: Checkpoint, index: number): TensorSource {
  const tensor = tensorAt(checkpoint, index);
  const path = pathOf(checkpoint, tensor.file);
  const source = { path, dtype: tensor.dtype, offset: tensor.offset, ...matrixShape(tensor) };
  if (tensor.storage === undefined) return source;
  const numbers = filesOf(tensor);
  const files = Object.fromEntries(numbers.map((file) => [file, pathOf(checkpoint, file)]));
  return { ...source, storage: tensor.storage, files };
}

/** Numbers of all files that hold a part of the tensor, each once. */
export function filesOf(tensor: Pick<TensorInfo, 'file' | 'storage'>): number[] {
  if (tensor.storage === undefined) return [tensor.file];
  return [...new Set([tensor.file, ...extentsOf(tensor.storage).map((extent) => extent.file)])];
}

/** Every range of bytes a storage refers to. */
export function extentsOf(storage: TensorStorage): Extent[] {
  if (storage.kind === 'inline') return [];
  if (storage.kind === 'packed') return packedExtents(storage);
  return storage.counts === undefined ? [storage.extent] : [storage.extent, ...matrixExtents(storage.counts)];
}

function packedExtents({ codes, values, zero, factors, bias, columnGroups }: PackedMatrix): Extent[] {
  const extents = [codes.extent];
  if (typeof values === 'object' && 'table' in values) extents.push(values.table);
  if (columnGroups !== undefined) extents.push(columnGroups);
  for (const grouped of [zero, bias, ...factors])
    if (typeof grouped === 'object') extents.push(...matrixExtents(grouped.matrix));
  return extents;
}

function matrixExtents(matrix: Matrix): Extent[] {
  if (matrix.kind === 'inline') return [];
  return matrix.kind === 'plain' ? [matrix.extent] : packedExtents(matrix);
}

function pathOf(checkpoint: Checkpoint, file: number): string {
  const found = checkpoint.files[file];
  if (found === undefined) throw new QuantscopeError('INTERNAL', `${checkpoint.name}: file ${file} is not listed`);
  return found.path;
}

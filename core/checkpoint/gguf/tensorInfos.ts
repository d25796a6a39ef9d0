// GGUF tensor infos: name, dimensions (contiguous one first), type id, offset into the data section.

import { type ErrorCode, QuantscopeError } from '../../base/errors.ts';
import { GGML_MAX_DIMENSIONS, MAX_NAME_BYTES, MAX_TENSORS } from '../../base/limits.ts';
import { type DType, dtypeInfo, dtypeOfGgml } from '../../tensor/dtype.ts';
import { DistinctNames } from '../distinctNames.ts';
import { storedTensor, type UnplacedTensor } from '../format.ts';
import { SharedShapes } from '../sharedShapes.ts';
import { decodeName, limitName, quoteName } from '../tensorName.ts';
import { countBytes, countElements } from '../tensorSize.ts';
import type { PagedHeader } from './pagedHeader.ts';

/** Name length, an empty name, n_dims = 0, type, offset. */
const MIN_TENSOR_INFO_BYTES = 24;

/** The longest: name length and name, n_dims, dimensions, type, offset. */
const MAX_TENSOR_INFO_BYTES = 8 + MAX_NAME_BYTES + 4 + 8 * GGML_MAX_DIMENSIONS + 4 + 8;

/**
 * Offsets are relative to the data section, whose begin is known only after the last info; the caller completes them.
 *
 * @param file index of the file in the checkpoint
 * @throws COUNT_LIMIT, DUPLICATE_NAME, NAME_INVALID, SHAPE_INVALID, DTYPE_UNKNOWN, TENSOR_OVERRUN, HEADER_TRUNCATED
 */
export async function readTensorInfos(header: PagedHeader, count: number, file: number): Promise<UnplacedTensor[]> {
  if (count > MAX_TENSORS || count * MIN_TENSOR_INFO_BYTES > header.left) {
    const fact = `${count} tensors claimed, limit ${MAX_TENSORS} and what ${header.left} bytes can hold`;
    fail(header, fact, 'COUNT_LIMIT');
  }
  const tensors: UnplacedTensor[] = [];
  const names = new DistinctNames((position) => tensors[position]?.name);
  const shapes = new SharedShapes();
  let name = '';
  const where = (): string => `${header.source.name}: tensor ${quoteName(name)}`;
  for (let index = 0; index < count; index++) {
    // A promise per page, not per number: there may be a million infos.
    if (header.loaded - header.at < MAX_TENSOR_INFO_BYTES) await header.prefetch(MAX_TENSOR_INFO_BYTES);
    name = readName(header, index);
    if (!names.add(name)) fail(header, `tensor ${quoteName(name)} appears twice`, 'DUPLICATE_NAME');
    const shape = readShape(header, where);
    const dtype = readDType(header, where);
    const offset = header.loadedU64();
    const elements = countElements(shape, where);
    const columns = shape.at(-1) ?? 1;
    const { blockElements } = dtypeInfo(dtype);
    if (columns % blockElements !== 0) {
      const fact = `has rows of ${columns} elements, ${dtype} needs a multiple of ${blockElements}`;
      throw new QuantscopeError('SHAPE_INVALID', `${where()} ${fact}`);
    }
    if (offset > Number.MAX_SAFE_INTEGER) {
      throw new QuantscopeError(
        'TENSOR_OVERRUN',
        `${where()} begins beyond 2^53, the file ends at ${header.source.sizeBytes}`,
      );
    }
    const bytes = countBytes(dtype, elements, where);
    tensors.push(storedTensor({ name, dtype, shape: shapes.of(shape), elements, bytes, file, offset }));
  }
  return tensors;
}

function readName(header: PagedHeader, index: number): string {
  const length = header.loadedU64();
  const where = (): string => `${header.source.name}: the name of tensor ${index}`;
  limitName(length, MAX_NAME_BYTES, where);
  return decodeName(header.loadedBytes(length), where);
}

function readShape(header: PagedHeader, where: () => string): number[] {
  const rank = header.loadedU32();
  if (rank > GGML_MAX_DIMENSIONS) {
    throw new QuantscopeError('SHAPE_INVALID', `${where()} has ${rank} dimensions, limit ${GGML_MAX_DIMENSIONS}`);
  }
  const shape: number[] = [];
  for (let dimension = 0; dimension < rank; dimension++) shape.unshift(header.loadedU64());
  return shape;
}

function readDType(header: PagedHeader, where: () => string): DType {
  const id = header.loadedU32();
  const dtype = dtypeOfGgml(id);
  if (dtype === undefined) throw new QuantscopeError('DTYPE_UNKNOWN', `${where()} has the unknown GGUF type ${id}`);
  return dtype;
}

function fail(header: PagedHeader, fact: string, code: ErrorCode): never {
  throw new QuantscopeError(code, `${header.source.name}: ${fact}`);
}

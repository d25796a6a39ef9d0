// A window of a stored matrix of plain numbers as float32: scales, zero points, biases.

import { QuantscopeError } from '../base/errors.ts';
import { decodeToF32 } from '../kernels/decode.ts';
import type { Kernels } from '../kernels/wasm.ts';
import { dtypeInfo } from '../tensor/dtype.ts';
import type { InlineNumbers, PlainMatrix } from '../tensor/storage.ts';
import type { FilePaths } from './extent.ts';
import { gatherItems, swapItems } from './gather.ts';
import { readItems } from './items.ts';
import type { Rect } from './rect.ts';

/**
 * @returns the window, row-major
 * @throws PACKING_INVALID when the window leaves the matrix or its extent, DTYPE_UNKNOWN, and what reading throws
 */
export function plainWindow(kernels: Kernels, files: FilePaths, matrix: PlainMatrix, rect: Rect): Float32Array {
  const { dtype, rows, columns } = matrix;
  const { blockElements, blockBytes } = dtypeInfo(dtype);
  if (blockElements !== 1)
    throw new QuantscopeError('PACKING_INVALID', `${dtype} has no elements of its own, a matrix of scales needs them`);
  checkInside(matrix, rect);
  const axes = [
    { size: rows, stride: matrix.rowStride, from: rect.row0, to: rect.row1 },
    { size: columns, stride: matrix.columnStride, from: rect.column0, to: rect.column1 },
  ];
  const items = readItems(files, matrix.extent, blockBytes, 0, axes);
  const count = (rect.row1 - rect.row0) * (rect.column1 - rect.column0);
  const { arena } = kernels;
  return arena.scoped(() => {
    const stored = arena.alloc(count * blockBytes + 64);
    const decoded = arena.alloc(count * 4 + 64);
    const bytes = arena.u8(stored, count * blockBytes);
    gatherItems(items, axes, blockBytes, bytes);
    if (matrix.bigEndian) swapItems(bytes, blockBytes);
    decodeToF32(kernels, dtype, stored, decoded, count);
    return arena.f32(decoded, count).slice();
  });
}

/** @throws PACKING_INVALID when the window leaves the matrix */
export function inlineWindow(matrix: InlineNumbers, rect: Rect): Float32Array {
  checkInside(matrix, rect);
  const width = rect.column1 - rect.column0;
  const out = new Float32Array((rect.row1 - rect.row0) * width);
  for (let row = rect.row0; row < rect.row1; row++) {
    const at = row * matrix.columns + rect.column0;
    out.set(matrix.values.subarray(at, at + width), (row - rect.row0) * width);
  }
  return out;
}

function checkInside(
  { rows, columns }: { rows: number; columns: number },
  { row0, row1, column0, column1 }: Rect,
): void {
  if (row0 >= 0 && row1 <= rows && column0 >= 0 && column1 <= columns) return;
  throw new QuantscopeError('PACKING_INVALID', `scale ${row1 - 1}, ${column1 - 1} wanted of ${rows} × ${columns}`);
}

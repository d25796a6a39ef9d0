// Any tensor's elements as float32 in the arena, whatever its files look like: the one path of statistics, tiles,
// sensitivity, exports and their verification.

import { readInto } from '../io/fileReader.ts';
import { decodeToF32 } from '../kernels/decode.ts';
import type { Kernels } from '../kernels/wasm.ts';
import { type DType, dtypeInfo } from '../tensor/dtype.ts';
import type { TensorSource } from '../tensor/storage.ts';
import { loadStorage } from './storage.ts';
import { loadWindow } from './window.ts';

/** Bytes past the last element that vector loads of a decoded run may touch. */
const SLACK_BYTES = 64;

/** The stored bytes that hold elements `first` … `first + count`, widened to whole blocks. */
export function storedRange(dtype: DType, first: number, count: number): { at: number; bytes: number; skip: number } {
  const { blockElements, blockBytes } = dtypeInfo(dtype);
  const firstBlock = Math.floor(first / blockElements);
  const endBlock = Math.ceil((first + count) / blockElements);
  return {
    at: firstBlock * blockBytes,
    bytes: (endBlock - firstBlock) * blockBytes,
    skip: first - firstBlock * blockElements,
  };
}

/** Reads stored bytes into the arena. @returns their pointer. @throws FILE_TRUNCATED and what reading throws */
export function readStored(kernels: Kernels, source: TensorSource, at: number, bytes: number): number {
  const pointer = kernels.arena.alloc(bytes + SLACK_BYTES);
  readInto(source.path, source.offset + at, kernels.arena.u8(pointer, bytes));
  return pointer;
}

/**
 * Reads and decodes a run of consecutive elements into the arena.
 * @returns pointer to `count` float32 (not aligned to a vector when the run starts inside a block)
 */
export function readElements(kernels: Kernels, source: TensorSource, first: number, count: number): number {
  if (source.storage !== undefined) {
    const values = kernels.arena.alloc(count * 4 + SLACK_BYTES);
    loadStorage(kernels, source, first, count, values);
    return values;
  }
  const range = storedRange(source.dtype, first, count);
  if (source.dtype === 'F32') return readStored(kernels, source, range.at, range.bytes);
  const { blockElements, blockBytes } = dtypeInfo(source.dtype);
  const elements = (range.bytes / blockBytes) * blockElements;
  const decoded = kernels.arena.alloc(elements * 4 + SLACK_BYTES);
  kernels.arena.scoped(() => {
    const stored = readStored(kernels, source, range.at, range.bytes);
    decodeToF32(kernels, source.dtype, stored, decoded, elements);
  });
  return decoded + range.skip * 4;
}

/** Decodes consecutive elements to a place of the caller's. */
export function loadInto(kernels: Kernels, source: TensorSource, first: number, count: number, dst: number): void {
  if (source.storage !== undefined) {
    loadStorage(kernels, source, first, count, dst);
    return;
  }
  if (source.dtype === 'F32') {
    readInto(source.path, source.offset + first * 4, kernels.arena.u8(dst, count * 4));
    return;
  }
  const range = storedRange(source.dtype, first, count);
  if (range.skip !== 0 || (first + count) % dtypeInfo(source.dtype).blockElements !== 0) {
    kernels.arena.scoped(() => {
      const values = readElements(kernels, source, first, count);
      kernels.arena.f32(dst, count).set(kernels.arena.f32(values, count));
    });
    return;
  }
  kernels.arena.scoped(() => {
    decodeToF32(kernels, source.dtype, readStored(kernels, source, range.at, range.bytes), dst, count);
  });
}

/** @returns pointer to rows × width float32 */
export function readWindow(
  kernels: Kernels,
  source: TensorSource,
  row: number,
  rows: number,
  column: number,
  width: number,
): number {
  const { arena } = kernels;
  const values = arena.alloc(rows * width * 4 + SLACK_BYTES);
  if (source.storage !== undefined) {
    const rect = { row0: row, row1: row + rows, column0: column, column1: column + width };
    if (loadWindow(kernels, source, rect, values)) return values;
    if (width === source.columns) {
      loadStorage(kernels, source, row * width, rows * width, values);
      return values;
    }
  }
  for (let i = 0; i < rows; i++) {
    arena.scoped(() => {
      const from = readElements(kernels, source, (row + i) * source.columns + column, width);
      arena.f32(values + i * width * 4, width).set(arena.f32(from, width));
    });
  }
  return values;
}

// Tensors placed by strides: their elements gathered into row-major little-endian bytes, then decoded.

import { basename } from 'node:path';
import { isQuantscopeError, QuantscopeError } from '../base/errors.ts';
import { decodeToF32 } from '../kernels/decode.ts';
import type { Kernels } from '../kernels/wasm.ts';
import { type DType, dtypeInfo } from '../tensor/dtype.ts';
import type { StridedStorage } from '../tensor/storage.ts';
import { type FilePaths, pathOf, readExtent } from './extent.ts';
import { gatherItems, swapItems } from './gather.ts';
import { type Axis, readItems } from './items.ts';
import type { Rect } from './rect.ts';
import { swapBlocks } from './swapBlocks.ts';

/** Bytes past the last element that vector loads of a decoded run may touch. */
const SLACK_BYTES = 64;

/**
 * Writes `count` float32 from element `first` of the row-major order on to `dst`.
 *
 * @throws PACKING_INVALID when elements lie outside the extent, DTYPE_UNKNOWN for complex ones, and what reading throws
 */
export function loadStrided(
  kernels: Kernels,
  storage: StridedStorage,
  files: FilePaths,
  first: number,
  count: number,
  dst: number,
): void {
  const { arena } = kernels;
  const { dtype } = storage;
  if (dtype === 'F32') {
    gatherStrided(storage, files, first, count, arena.u8(dst, count * 4));
    return;
  }
  const { blockElements, blockBytes } = dtypeInfo(dtype);
  const firstBlock = Math.floor(first / blockElements);
  const blocks = Math.ceil((first + count) / blockElements) - firstBlock;
  const skip = first - firstBlock * blockElements;
  arena.scoped(() => {
    const stored = arena.alloc(blocks * blockBytes + SLACK_BYTES);
    const whole = skip === 0 && count === blocks * blockElements;
    const decoded = whole ? dst : arena.alloc(blocks * blockElements * 4 + SLACK_BYTES);
    const bytes = arena.u8(stored, blocks * blockBytes);
    gatherStrided(storage, files, firstBlock * blockElements, blocks * blockElements, bytes);
    decodeToF32(kernels, dtype, stored, decoded, blocks * blockElements);
    if (!whole) arena.f32(dst, count).set(arena.f32(decoded + skip * 4, count));
  });
}

/**
 * A window of a tensor whose leading dimensions are evenly spaced rows, written row-major to `dst`.
 *
 * @returns false, nothing written, when rows are not evenly spaced or still to be divided, or elements share bytes
 */
export function loadStridedWindow(
  kernels: Kernels,
  storage: StridedStorage,
  files: FilePaths,
  rect: Rect,
  dst: number,
): boolean {
  const { arena } = kernels;
  const { dtype, shape, strides } = storage;
  const { blockElements, blockBytes } = dtypeInfo(dtype);
  const rows = collapsed(shape.slice(0, -1), strides.slice(0, -1));
  const [row = { size: 1, stride: 0 }] = rows;
  const column = { size: shape.at(-1) ?? 1, stride: strides.at(-1) ?? 0 };
  if (rows.length > 1 || blockElements !== 1 || storage.counts !== undefined) return false;
  const axes = [
    { ...row, from: rect.row0, to: rect.row1 },
    { ...column, from: rect.column0, to: rect.column1 },
  ];
  const count = (rect.row1 - rect.row0) * (rect.column1 - rect.column0);
  arena.scoped(() => {
    const stored = dtype === 'F32' ? dst : arena.alloc(count * blockBytes + SLACK_BYTES);
    const bytes = arena.u8(stored, count * blockBytes);
    naming(files, storage, () => gatherBox(storage, files, axes, bytes));
    if (storage.bigEndian) swap(dtype, bytes);
    if (dtype !== 'F32') decodeToF32(kernels, dtype, stored, dst, count);
  });
  return true;
}

/**
 * Fills `out` with the stored bytes of elements `first` … `first + count`, row-major and little-endian: any dtype.
 *
 * @param first a whole number of the dtype's blocks, as is `count`
 * @param out aligned to the elements up to 4 bytes
 * @throws as `loadStrided`
 */
export function gatherStrided(
  storage: StridedStorage,
  files: FilePaths,
  first: number,
  count: number,
  out: Uint8Array,
): void {
  const { dtype, shape, strides, start, extent } = storage;
  const { blockElements, blockBytes } = dtypeInfo(dtype);
  naming(files, storage, () => {
    const dimensions = collapsed(shape, strides);
    const [only = { size: 1, stride: 1 }] = dimensions;
    if (dimensions.length <= 1 && only.stride === 1) {
      readExtent(files, extent, ((start + first) / blockElements) * blockBytes, out);
    } else if (blockElements === 1) {
      let at = 0;
      for (const box of boxesOf(dimensions, first, count)) {
        const bytes = box.reduce((product, { from, to }) => product * (to - from), blockBytes);
        gatherBox(storage, files, box, out.subarray(at, at + bytes));
        at += bytes;
      }
    } else {
      throw new QuantscopeError('PACKING_INVALID', `${dtype} elements share bytes and cannot be placed by strides`);
    }
  });
  if (storage.bigEndian) swap(dtype, out);
}

function gatherBox({ dtype, extent, start }: StridedStorage, files: FilePaths, axes: readonly Axis[], out: Uint8Array) {
  const { blockBytes } = dtypeInfo(dtype);
  gatherItems(readItems(files, extent, blockBytes, start, axes), axes, blockBytes, out);
}

interface Dimension {
  readonly size: number;
  readonly stride: number;
}

/** The same order of elements with as few dimensions as strides allow; none for a single element. */
function collapsed(shape: readonly number[], strides: readonly number[]): Dimension[] {
  const out: Dimension[] = [];
  shape.forEach((size, i) => {
    const stride = strides[i] ?? 0;
    const last = out.at(-1);
    if (size === 1) return;
    if (last !== undefined && last.stride === stride * size) out[out.length - 1] = { size: last.size * size, stride };
    else out.push({ size, stride });
  });
  return out;
}

/** A run of the row-major order as boxes that follow each other: a part of a row, whole rows, a part of a row, …. */
function* boxesOf(dimensions: readonly Dimension[], first: number, count: number): Generator<Axis[]> {
  const [outer, ...inner] = dimensions;
  if (count === 0) return;
  if (outer === undefined) {
    yield [];
    return;
  }
  const size = inner.reduce((product, dimension) => product * dimension.size, 1);
  const end = first + count;
  const whole = inner.map((dimension) => ({ ...dimension, from: 0, to: dimension.size }));
  for (let at = first; at < end; ) {
    const index = Math.floor(at / size);
    const inside = at - index * size;
    if (inside === 0 && end - at >= size) {
      const to = index + Math.floor((end - at) / size);
      yield [{ ...outer, from: index, to }, ...whole];
      at = to * size;
    } else {
      const part = Math.min(size - inside, end - at);
      for (const box of boxesOf(inner, inside, part)) yield [{ ...outer, from: index, to: index + 1 }, ...box];
      at += part;
    }
  }
}

function swap(dtype: DType, bytes: Uint8Array): void {
  const { kind, blockBytes } = dtypeInfo(dtype);
  if (kind === 'block') swapBlocks(dtype, bytes);
  else if (kind === 'complex') swapItems(bytes, blockBytes / 2);
  else if (dtypeInfo(dtype).blockElements === 1) swapItems(bytes, blockBytes);
}

function naming(files: FilePaths, { extent, dtype, shape }: StridedStorage, body: () => void): void {
  try {
    body();
  } catch (error) {
    if (!isQuantscopeError(error) || error.code !== 'PACKING_INVALID') throw error;
    const name = basename(pathOf(files, extent));
    throw new QuantscopeError(error.code, `${name}: ${dtype} [${shape.join(', ')}]: ${error.message}`);
  }
}

// Items on a grid, copied into row-major order; and their bytes turned round.

import type { Axis, Items } from './items.ts';

type Unit = Uint8Array | Uint16Array | Uint32Array;

/** Columns copied together where rows are stored closer than columns: their cache lines serve the next rows too. */
const BLOCK_COLUMNS = 256;

/** @param out room for all wanted items; its start aligned to them up to 4 bytes */
export function gatherItems(items: Items, axes: readonly Axis[], itemBytes: number, out: Uint8Array): void {
  const unit = itemBytes % 4 === 0 ? 4 : itemBytes % 2 === 0 ? 2 : 1;
  const units = itemBytes / unit;
  const counts = axes.map(({ from, to }) => to - from);
  const strides = items.strides.map((stride) => stride * units);
  const first = axes.reduce((sum, { from }, i) => sum + from * (strides[i] ?? 0), items.origin * units);
  if (units > 1) {
    counts.push(units);
    strides.push(1);
  }
  while (counts.length < 2) {
    counts.unshift(1);
    strides.unshift(0);
  }
  const [src, dst] = [view(items.bytes, unit), view(out, unit)];
  const rank = counts.length;
  const [rows, columns] = [counts[rank - 2] ?? 1, counts[rank - 1] ?? 1];
  const [rowStride, columnStride] = [strides[rank - 2] ?? 0, strides[rank - 1] ?? 0];
  const index = new Array<number>(rank - 2).fill(0);
  for (let at = 0; at < dst.length; at += rows * columns) {
    const from = index.reduce((sum, i, d) => sum + i * (strides[d] ?? 0), first);
    copyGrid(src, from, rowStride, columnStride, dst, at, rows, columns);
    for (let d = rank - 3; d >= 0; d--) {
      index[d] = (index[d] ?? 0) + 1;
      if ((index[d] ?? 0) < (counts[d] ?? 0)) break;
      index[d] = 0;
    }
  }
}

function copyGrid(
  src: Unit,
  from: number,
  rowStride: number,
  columnStride: number,
  dst: Unit,
  at: number,
  rows: number,
  columns: number,
): void {
  if (columnStride === 1 && columns >= 16) {
    for (let r = 0; r < rows; r++)
      dst.set(src.subarray(from + r * rowStride, from + r * rowStride + columns), at + r * columns);
    return;
  }
  for (let block = 0; block < columns; block += BLOCK_COLUMNS) {
    const end = Math.min(columns, block + BLOCK_COLUMNS);
    for (let r = 0; r < rows; r++) {
      const to = at + r * columns;
      let position = from + r * rowStride + block * columnStride;
      for (let c = block; c < end; c++, position += columnStride) dst[to + c] = src[position] as number;
    }
  }
}

/** Reverses the bytes of every item of `size` bytes, in place. */
export function swapItems(bytes: Uint8Array, size: number): void {
  for (let at = 0; at + size <= bytes.length; at += size)
    for (let i = 0, j = size - 1; i < j; i++, j--) {
      const low = bytes[at + i] as number;
      bytes[at + i] = bytes[at + j] as number;
      bytes[at + j] = low;
    }
}

function view(bytes: Uint8Array, unit: number): Unit {
  if (unit === 4) return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  if (unit === 2) return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
  return bytes;
}

// What the types with blocks of 32 share: walking a matrix block by block, and packing 32 codes.

import { at } from './at.ts';

/** Elements per block; element j pairs with element j + 16 in one byte. */
export const BLOCK_32 = 32;

/**
 * Fills rows · columns / 32 blocks of `blockBytes`.
 * @param quantize gets the 32 values, the row they are in, and their importance weights or null
 */
export function quantizeBlocks32(
  src: Float32Array,
  rows: number,
  columns: number,
  weights: Float32Array | null,
  blockBytes: number,
  quantize: (x: Float32Array, row: Float32Array, weights: Float32Array | null, out: DataView) => void,
): Uint8Array {
  const dst = new Uint8Array(((rows * columns) / BLOCK_32) * blockBytes);
  for (let i = 0; i < rows * columns; i += BLOCK_32) {
    const column = i % columns;
    const row = src.subarray(i - column, i - column + columns);
    const out = new DataView(dst.buffer, (i / BLOCK_32) * blockBytes, blockBytes);
    const part = weights?.subarray(column, column + BLOCK_32) ?? null;
    quantize(src.subarray(i, i + BLOCK_32), row, part, out);
  }
  return dst;
}

/** Sixteen bytes: element j in the low nibble, j + 16 in the high one. */
export function packNibbles(codes: ArrayLike<number>, out: DataView, offset: number): void {
  for (let j = 0; j < 16; j++) out.setUint8(offset + j, (at(codes, j) & 15) | ((at(codes, j + 16) & 15) << 4));
}

/** Four bytes: bit j is bit 4 of element j. */
export function packFifthBits(codes: ArrayLike<number>, out: DataView, offset: number): void {
  let word = 0;
  for (let j = 0; j < BLOCK_32; j++) word |= ((at(codes, j) >> 4) & 1) << j;
  out.setUint32(offset, word >>> 0, true);
}

/** The value of largest magnitude, sign kept; of two the first. */
export function signedMaximum(x: Float32Array): number {
  return x.reduce((most, v) => (Math.abs(v) > Math.abs(most) ? v : most), 0);
}

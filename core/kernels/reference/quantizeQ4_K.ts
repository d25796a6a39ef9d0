// Q4_K: d, dmin, 12 bytes of scales, 128 bytes of nibbles (144 bytes per 256 values).

import { at } from './at.ts';
import { quantizeScaleMinBlock } from './scaleMinBlock.ts';
import { BLOCK, quantizeBlocks } from './superBlock.ts';

const f = Math.fround;

/** Search of quantize_row_q4_K_ref. */
export const Q4_K_SEARCH = { nmax: 15, rmin: -1, rdelta: f(0.1), steps: 20, absolute: false };

/** ggml `quantize_q4_K`, byte for byte. @param weights one per column, or null @returns rows · columns / 256 blocks */
export function quantizeQ4_K(
  src: Float32Array,
  rows: number,
  columns: number,
  weights: Float32Array | null,
): Uint8Array {
  return quantizeBlocks(src, rows, columns, weights, 144, (x, w, out) => {
    const codes = quantizeScaleMinBlock(x, w, Q4_K_SEARCH, out);
    for (let j = 0; j < BLOCK; j += 64)
      for (let l = 0; l < 32; l++) out.setUint8(16 + j / 2 + l, at(codes, j + l) | (at(codes, j + l + 32) << 4));
  });
}

// Q5_K: d, dmin, 12 bytes of scales, 32 bytes of fifth bits, 128 bytes of nibbles (176 bytes per 256 values).

import { at } from './at.ts';
import { quantizeScaleMinBlock } from './scaleMinBlock.ts';
import { quantizeBlocks } from './superBlock.ts';

const f = Math.fround;

/** Search of quantize_row_q5_K_ref. */
export const Q5_K_SEARCH = { nmax: 31, rmin: -0.5, rdelta: f(0.1), steps: 15, absolute: false };

/** ggml `quantize_q5_K`, byte for byte. @param weights one per column, or null @returns rows · columns / 256 blocks */
export function quantizeQ5_K(
  src: Float32Array,
  rows: number,
  columns: number,
  weights: Float32Array | null,
): Uint8Array {
  return quantizeBlocks(src, rows, columns, weights, 176, (x, w, out) => {
    const codes = quantizeScaleMinBlock(x, w, Q5_K_SEARCH, out);
    for (let l = 0; l < 32; l++) {
      let high = 0; // bit s is the fifth bit of element l of sub-block s
      for (let s = 0; s < 8; s++) high |= (at(codes, 32 * s + l) >> 4) << s;
      out.setUint8(16 + l, high);
      for (let pair = 0; pair < 4; pair++) {
        const low = at(codes, 64 * pair + l) & 15;
        out.setUint8(48 + 32 * pair + l, low | ((at(codes, 64 * pair + 32 + l) & 15) << 4));
      }
    }
  });
}

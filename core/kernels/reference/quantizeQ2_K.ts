// Q2_K: 16 bytes of 4-bit scale and minimum, 64 bytes of 2-bit codes, d, dmin (84 bytes per 256 values).

import { at } from './at.ts';
import { decodeHalf, encodeHalf } from './half.ts';
import { makeQkx2Quants } from './makeQkx2Quants.ts';
import { makeQkx3Quants } from './makeQkx3Quants.ts';
import { makeQpQuants } from './makeQpQuants.ts';
import { nearestInt } from './nearestInt.ts';
import { WEIGHTED_SEARCH } from './scaleMinBlock.ts';
import {
  BLOCK,
  largest,
  mixedWeights,
  packTwoBits,
  quantizeBlocks,
  requantize,
  sum,
  sumOfSquares,
} from './superBlock.ts';

const f = Math.fround;
const SUB = 16;

/** Search of quantize_row_q2_K_ref. */
export const Q2_K_SEARCH = { nmax: 3, rmin: -0.5, rdelta: f(0.1), steps: 15, absolute: true };

/** ggml `quantize_q2_K`, byte for byte. @param weights one per column, or null @returns rows · columns / 256 blocks */
export function quantizeQ2_K(
  src: Float32Array,
  rows: number,
  columns: number,
  weights: Float32Array | null,
): Uint8Array {
  return quantizeBlocks(src, rows, columns, weights, 84, quantizeBlock);
}

function quantizeBlock(x: Float32Array, weights: Float32Array | null, out: DataView): void {
  const mixed = weights === null ? x.map(Math.abs) : mixedWeights(x, weights, f(sumOfSquares(x) / BLOCK));
  const codes = new Uint8Array(BLOCK);
  const scales = new Float32Array(SUB);
  const mins = new Float32Array(SUB);
  const importance = new Float32Array(SUB);
  for (let j = 0; j < SUB; j++) {
    const part = x.subarray(SUB * j, SUB * j + SUB);
    const w = mixed.subarray(SUB * j, SUB * j + SUB);
    const fit =
      weights === null
        ? makeQkx2Quants(part, w, Q2_K_SEARCH)
        : makeQkx3Quants(part, w, { nmax: 3, ...WEIGHTED_SEARCH });
    codes.set(fit.codes, SUB * j);
    scales[j] = fit.scale;
    mins[j] = fit.min;
    importance[j] = sum(w);
  }
  const quantizeScales = weights === null ? byLargest : (v: Float32Array) => makeQpQuants(v, importance, 15);
  const scale = quantizeScales(scales);
  const min = quantizeScales(mins);
  const d = encodeHalf(scale.scale);
  const dmin = encodeHalf(min.scale);
  out.setUint16(80, d, true);
  out.setUint16(82, dmin, true);
  for (let j = 0; j < SUB; j++) {
    const packed = (at(scale.codes, j) | (at(min.codes, j) << 4)) & 0xff;
    out.setUint8(j, packed);
    requantize(
      x.subarray(SUB * j, SUB * j + SUB),
      codes.subarray(SUB * j, SUB * j + SUB),
      f(decodeHalf(d) * (packed & 15)),
      f(decodeHalf(dmin) * (packed >> 4)),
      0,
      3,
    );
  }
  packTwoBits(codes, out, 16);
}

/** Without weights the largest value simply becomes code 15. */
function byLargest(values: Float32Array): { scale: number; codes: Uint8Array } {
  const most = largest(values);
  if (!(most > 0)) return { scale: 0, codes: new Uint8Array(values.length) };
  const inverse = f(15 / most);
  return { scale: f(most / 15), codes: Uint8Array.from(values, (v) => nearestInt(f(inverse * v))) };
}

// Q3_K: 32 bytes of high bits, 64 bytes of 2-bit codes, 12 bytes of 6-bit scales, d (110 bytes per 256 values).

import { at } from './at.ts';
import { decodeHalf, encodeHalf } from './half.ts';
import { makeQ3Quants } from './makeQ3Quants.ts';
import { makeQxQuants, type SymmetricFit } from './makeQxQuants.ts';
import { nearestInt } from './nearestInt.ts';
import { BLOCK, mixedWeights, packTwoBits, quantizeBlocks, requantize, sum, sumOfSquares } from './superBlock.ts';

const f = Math.fround;
const SUB = 16;

/** ggml `quantize_q3_K`, byte for byte. @param weights one per column, or null @returns rows · columns / 256 blocks */
export function quantizeQ3_K(
  src: Float32Array,
  rows: number,
  columns: number,
  weights: Float32Array | null,
): Uint8Array {
  return quantizeBlocks(src, rows, columns, weights, 110, quantizeBlock);
}

function quantizeBlock(x: Float32Array, weights: Float32Array | null, out: DataView): void {
  const mixed = weights === null ? null : mixedWeights(x, weights, f(f(2 * sumOfSquares(x)) / BLOCK));
  const codes = new Uint8Array(BLOCK);
  const scales = new Float32Array(SUB);
  const importance = new Float32Array(SUB);
  for (let j = 0; j < SUB; j++) {
    const part = x.subarray(SUB * j, SUB * j + SUB);
    const w = mixed?.subarray(SUB * j, SUB * j + SUB);
    const fit = w === undefined ? makeQ3Quants(part, 4) : makeQxQuants(part, w, 4);
    codes.set(fit.codes, SUB * j);
    scales[j] = fit.scale;
    importance[j] = w === undefined ? 0 : sum(w);
  }
  const coarse = mixed === null ? byLargest(scales) : makeQxQuants(scales, importance, 32);
  const d = encodeHalf(coarse.scale);
  out.setUint16(108, d, true);
  coarse.codes.forEach((code, j) => {
    const low = 96 + (j % 8); // scales 0–7 in the low nibbles of 8 bytes, 8–15 in their high nibbles
    const high = 104 + (j % 4); // the upper two bits of scales j, j + 4, j + 8, j + 12 share a byte
    out.setUint8(low, out.getUint8(low) | ((code & 15) << (j < 8 ? 0 : 4)));
    out.setUint8(high, out.getUint8(high) | ((code >> 4) << (2 * Math.floor(j / 4))));
    const range = [SUB * j, SUB * j + SUB] as const;
    requantize(x.subarray(...range), codes.subarray(...range), f(decodeHalf(d) * (code - 32)), 0, -4, 3);
  });
  for (let i = 0; i < BLOCK; i++) {
    const mask = i % 32;
    out.setUint8(mask, out.getUint8(mask) | ((at(codes, i) >> 2) << Math.floor(i / 32)));
    codes[i] = at(codes, i) & 3;
  }
  packTwoBits(codes, out, 32);
}

/** Without weights the scale of largest magnitude becomes code 0 (−32); a block of zeros has all codes 0. */
function byLargest(scales: Float32Array): SymmetricFit {
  const most = scales.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  if (most === 0) return { scale: 0, codes: new Uint8Array(scales.length) };
  const inverse = f(-32 / most);
  const code = (v: number): number => Math.max(-32, Math.min(31, (nearestInt(f(inverse * v)) << 24) >> 24)) + 32;
  return { scale: f(1 / inverse), codes: Uint8Array.from(scales, code) };
}

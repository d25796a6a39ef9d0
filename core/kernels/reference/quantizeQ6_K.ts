// Q6_K: 128 bytes of low nibbles, 64 of high bit pairs, 16 signed scales, d (210 bytes per 256 values).

import { at } from './at.ts';
import { decodeHalf, encodeHalf } from './half.ts';
import { GROUP_MAX_EPS, makeQxQuants } from './makeQxQuants.ts';
import { nearestInt } from './nearestInt.ts';
import { BLOCK, quantizeBlocks, requantize } from './superBlock.ts';

const f = Math.fround;
const SUB = 16;

/** ggml `quantize_q6_K`, byte for byte. @param weights one per column, or null @returns rows · columns / 256 blocks */
export function quantizeQ6_K(
  src: Float32Array,
  rows: number,
  columns: number,
  weights: Float32Array | null,
): Uint8Array {
  return quantizeBlocks(src, rows, columns, weights, 210, quantizeBlock);
}

function quantizeBlock(x: Float32Array, weights: Float32Array | null, out: DataView): void {
  const codes = new Uint8Array(BLOCK);
  const scales: number[] = [];
  let most = 0; // the scale of largest magnitude, with its sign
  for (let i = 0; i < BLOCK; i += SUB) {
    const fit = makeQxQuants(x.subarray(i, i + SUB), weights?.subarray(i, i + SUB) ?? null, 32);
    codes.set(fit.codes, i);
    scales.push(fit.scale);
    if (Math.abs(fit.scale) > Math.abs(most)) most = fit.scale;
  }
  if (Math.abs(most) < GROUP_MAX_EPS) return; // all bytes stay 0
  const inverse = f(-128 / most);
  const half = encodeHalf(f(1 / inverse));
  out.setUint16(208, half, true);
  scales.forEach((scale, j) => {
    const code = (Math.min(127, nearestInt(f(inverse * scale))) << 24) >> 24;
    out.setInt8(192 + j, code);
    const range = [SUB * j, SUB * j + SUB] as const;
    requantize(x.subarray(...range), codes.subarray(...range), f(decodeHalf(half) * code), 0, -32, 31);
  });
  for (let h = 0; h < 2; h++) {
    for (let l = 0; l < 32; l++) {
      const [a = 0, b = 0, c = 0, d = 0] = [0, 32, 64, 96].map((step) => at(codes, 128 * h + l + step));
      out.setUint8(64 * h + l, (a & 15) | ((c & 15) << 4));
      out.setUint8(64 * h + l + 32, (b & 15) | ((d & 15) << 4));
      out.setUint8(128 + 32 * h + l, (a >> 4) | ((b >> 4) << 2) | ((c >> 4) << 4) | ((d >> 4) << 6));
    }
  }
}

// IQ4_NL and IQ4_XS: four-bit codes for sixteen unevenly spaced levels (ggml `quantize_row_iq4_nl_impl`).

import { at } from './at.ts';
import { BLOCK_32, packNibbles, quantizeBlocks32, signedMaximum } from './block32.ts';
import { encodeHalf } from './half.ts';
import { GROUP_MAX_EPS } from './makeQxQuants.ts';
import { clampedInt } from './nearestInt.ts';
import type { Quantizer } from './quantizers.ts';
import { BLOCK, mixedWeights, quantizeBlocks, sumOfSquares } from './superBlock.ts';

const f = Math.fround;

/** kvalues_iq4nl */
const LEVELS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] as const;
/** A value exactly between two levels takes the upper one. */
const MIDPOINTS = LEVELS.slice(1).map((level, k) => (level + at(LEVELS, k)) / 2);
/** Trial scales either side of max / LEVELS[0]. */
const TRIES = 7;
/** The bits of a NaN scale: x86 makes its NaNs negative. */
const NAN_SCALE = 0xfe00;

/** d, 16 bytes of nibbles. ggml `quantize_iq4_nl`: what llama-quantize writes. */
export const quantizeIQ4_NL: Quantizer = (src, rows, columns, weights) =>
  quantizeBlocks32(src, rows, columns, weights, 18, (x, _row, w, out) => {
    const d = bestScale(x, importance(x, w, f(sumOfSquares(x) * f(2 / BLOCK_32))));
    out.setUint16(0, scaleBits(d), true);
    packNibbles(nearestLevels(x, d === 0 ? 0 : f(1 / d)), out, 2);
  });

/**
 * ggml `quantize_row_iq4_nl_ref`, which the library uses at run time but not for files: one trial scale, codes from
 * before the refit. An all-zero block repeats the codes of the block before it; the first such block gets zeros here.
 */
export function quantizeIQ4_NLRef(src: Float32Array): Uint8Array {
  let codes: readonly number[] = new Array<number>(BLOCK_32).fill(0);
  return quantizeBlocks32(src, 1, src.length, null, 18, (x, _row, _weights, out) => {
    const max = signedMaximum(x);
    let d = 0;
    if (Math.abs(max) >= GROUP_MAX_EPS) {
      const inverse = f(1 / f(max / LEVELS[0]));
      const { sumqx, sumq2 } = sums(x, importance(x, null, 0), inverse);
      d = sumq2 > 0 ? f(sumqx / sumq2) : 0;
      codes = nearestLevels(x, inverse);
    }
    out.setUint16(0, scaleBits(d), true);
    packNibbles(codes, out, 2);
  });
}

/** d, high bits of 8 scales (u16), their low nibbles, 128 bytes of nibbles. ggml `quantize_iq4_xs`. */
export const quantizeIQ4_XS: Quantizer = (src, rows, columns, weights) =>
  quantizeBlocks(src, rows, columns, weights, 136, (x, w, out) => {
    const sigma2 = f(sumOfSquares(x) * f(2 / BLOCK));
    const parts = Array.from({ length: BLOCK / BLOCK_32 }, (_, i) => x.subarray(BLOCK_32 * i, BLOCK_32 * (i + 1)));
    const scales = parts.map((part, i) =>
      bestScale(part, importance(part, w?.subarray(BLOCK_32 * i, BLOCK_32 * (i + 1)) ?? null, sigma2)),
    );
    const largest = scales.reduce((most, scale) => (Math.abs(scale) > Math.abs(most) ? scale : most), 0);
    const d = f(-largest / 32);
    const inverse = d === 0 ? 0 : f(1 / d);
    out.setUint16(0, scaleBits(d), true);
    let highBits = 0;
    let lowBits = 0;
    parts.forEach((part, i) => {
      const code = clampedInt(f(inverse * at(scales, i)), -32, 31);
      const scale = f(d * code);
      packNibbles(nearestLevels(part, scale === 0 ? 0 : f(1 / scale)), out, 8 + 16 * i);
      highBits |= ((code + 32) >> 4) << (2 * i);
      lowBits |= ((code + 32) & 15) << (4 * i);
    });
    out.setUint16(2, highBits, true);
    out.setUint32(4, lowBits >>> 0, true);
  });

/** x² without weights, else weight · √(sigma2 + x²) */
function importance(x: Float32Array, weights: Float32Array | null, sigma2: number): Float32Array {
  return weights === null ? x.map((v) => v * v) : mixedWeights(x, weights, sigma2);
}

/** Maximizes (Σ w·q·x)² / Σ w·q² over the trial scales and refits d = Σ w·q·x / Σ w·q²; ties keep the earlier. */
function bestScale(x: Float32Array, w: Float32Array): number {
  const max = signedMaximum(x);
  if (Math.abs(max) < GROUP_MAX_EPS) return 0;
  const first = sums(x, w, f(1 / f(-max / LEVELS[0])));
  let d = first.sumq2 > 0 ? f(first.sumqx / first.sumq2) : 0;
  let best = f(d * first.sumqx);
  for (let k = -TRIES; k <= TRIES; k++) {
    const { sumqx, sumq2 } = sums(x, w, f((k + LEVELS[0]) / max));
    if (sumq2 > 0 && f(sumqx * sumqx) > f(best * sumq2)) {
      d = f(sumqx / sumq2);
      best = f(d * sumqx);
    }
  }
  return d;
}

function sums(x: Float32Array, w: Float32Array, inverse: number): { sumqx: number; sumq2: number } {
  let sumqx = 0;
  let sumq2 = 0;
  for (let j = 0; j < x.length; j++) {
    const q = at(LEVELS, nearestLevel(f(inverse * at(x, j))));
    const wq = f(at(w, j) * q);
    sumqx = f(sumqx + f(wq * at(x, j)));
    sumq2 = f(sumq2 + f(wq * q));
  }
  return { sumqx, sumq2 };
}

function nearestLevels(x: Float32Array, inverse: number): number[] {
  return Array.from(x, (v) => nearestLevel(f(inverse * v)));
}

/** ggml's binary search ends at the last level for NaN. */
function nearestLevel(v: number): number {
  const above = MIDPOINTS.findIndex((middle) => v < middle);
  return above < 0 ? LEVELS.length - 1 : above;
}

function scaleBits(d: number): number {
  return Number.isNaN(d) ? NAN_SCALE : encodeHalf(d);
}

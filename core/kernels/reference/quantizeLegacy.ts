// Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0: round to nearest without weights, ggml's weighted search with them.

import { packFifthBits, packNibbles, quantizeBlocks32, signedMaximum } from './block32.ts';
import { encodeHalf } from './half.ts';
import { makeQkx3Quants } from './makeQkx3Quants.ts';
import { makeQxQuants } from './makeQxQuants.ts';
import type { Quantizer } from './quantizers.ts';
import { WEIGHTED_SEARCH } from './scaleMinBlock.ts';
import { mixedWeights, sumOfSquares } from './superBlock.ts';

const f = Math.fround;

/** The bits of a NaN scale: x86 makes its NaNs negative. */
const NAN_SCALE = 0xfe00;

/** d, 16 bytes of nibbles. ggml `quantize_q4_0`. */
export const quantizeQ4_0: Quantizer = (src, rows, columns, weights) =>
  quantizeBlocks32(src, rows, columns, weights, 18, (x, row, w, out) => {
    const codes = symmetric(x, row, w, 8, out);
    packNibbles(codes, out, 2);
  });

/** d, fifth bits, 16 bytes of nibbles. ggml `quantize_q5_0`. */
export const quantizeQ5_0: Quantizer = (src, rows, columns, weights) =>
  quantizeBlocks32(src, rows, columns, weights, 22, (x, row, w, out) => {
    const codes = symmetric(x, row, w, 16, out);
    packFifthBits(codes, out, 2);
    packNibbles(codes, out, 6);
  });

/** d, m, 16 bytes of nibbles. ggml `quantize_q4_1`. */
export const quantizeQ4_1: Quantizer = (src, rows, columns, weights) =>
  quantizeBlocks32(src, rows, columns, weights, 20, (x, row, w, out) => {
    const codes = affine(x, row, w, 15, out);
    packNibbles(codes, out, 4);
  });

/** d, m, fifth bits, 16 bytes of nibbles. ggml `quantize_q5_1`. */
export const quantizeQ5_1: Quantizer = (src, rows, columns, weights) =>
  quantizeBlocks32(src, rows, columns, weights, 24, (x, row, w, out) => {
    const codes = affine(x, row, w, 31, out);
    packFifthBits(codes, out, 4);
    packNibbles(codes, out, 8);
  });

/** d, 32 signed bytes. ggml `quantize_q8_0`, which ignores weights: d = max |x| / 127, halves round away from zero. */
export const quantizeQ8_0: Quantizer = (src, rows, columns) =>
  quantizeBlocks32(src, rows, columns, null, 34, (x, _row, _weights, out) => {
    const d = f(Math.abs(signedMaximum(x)) / 127);
    const inverse = d === 0 ? 0 : f(1 / d);
    out.setUint16(0, encodeHalf(d), true);
    x.forEach((v, j) => {
      const scaled = f(v * inverse);
      out.setInt8(2 + j, converted(Math.sign(scaled) * Math.floor(Math.abs(scaled) + 0.5)));
    });
  });

/** Writes d at 0. @returns codes 0 … 2 nmax − 1 with x ≈ d · (code − nmax) */
function symmetric(
  x: Float32Array,
  row: Float32Array,
  weights: Float32Array | null,
  nmax: number,
  out: DataView,
): Uint8Array {
  if (weights !== null) {
    const { scale, codes } = makeQxQuants(x, importance(x, row, weights), nmax);
    out.setUint16(0, Number.isNaN(scale) ? NAN_SCALE : encodeHalf(scale), true);
    return codes;
  }
  const d = f(signedMaximum(x) / -nmax);
  const inverse = d === 0 ? 0 : f(1 / d);
  out.setUint16(0, encodeHalf(d), true);
  return Uint8Array.from(x, (v) => Math.min(2 * nmax - 1, converted(f(f(v * inverse) + nmax + 0.5))));
}

/** Writes d at 0 and m at 2. @returns codes 0 … nmax with x ≈ d · code + m */
function affine(
  x: Float32Array,
  row: Float32Array,
  weights: Float32Array | null,
  nmax: number,
  out: DataView,
): Uint8Array {
  if (weights !== null) {
    const { scale, min, codes } = makeQkx3Quants(x, importance(x, row, weights), { nmax, ...WEIGHTED_SEARCH });
    out.setUint16(0, encodeHalf(scale), true);
    out.setUint16(2, encodeHalf(-min), true);
    return codes;
  }
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const v of x) {
    if (v < min) min = v; // of −0 and 0 the first, whose sign is stored
    if (v > max) max = v;
  }
  const d = f(f(max - min) / nmax);
  const inverse = d === 0 ? 0 : f(1 / d);
  out.setUint16(0, encodeHalf(d), true);
  out.setUint16(2, encodeHalf(min), true);
  return Uint8Array.from(x, (v) => Math.min(nmax, converted(f(f(f(v - min) * inverse) + 0.5))));
}

/** A float to integer cast as x86 does it: toward zero; what does not fit leaves 0 in the low byte. */
function converted(v: number): number {
  return Number.isFinite(v) ? Math.trunc(v) : 0;
}

/** weight · √(mean x² of the row + x²) */
function importance(x: Float32Array, row: Float32Array, weights: Float32Array): Float32Array {
  return mixedWeights(x, weights, f(sumOfSquares(row) / row.length));
}

// What the K types share: blocks of 256 values, walked row by row, and codes made again from the stored scales.

import { at } from './at.ts';
import { clampedInt } from './nearestInt.ts';

const f = Math.fround;

/** QK_K */
export const BLOCK = 256;

/**
 * Fills `rows · columns / 256` blocks of `blockBytes`.
 * @param weights `columns` importance weights shared by all rows, or null
 */
export function quantizeBlocks(
  src: Float32Array,
  rows: number,
  columns: number,
  weights: Float32Array | null,
  blockBytes: number,
  quantize: (x: Float32Array, weights: Float32Array | null, out: DataView) => void,
): Uint8Array {
  const dst = new Uint8Array(((rows * columns) / BLOCK) * blockBytes);
  for (let i = 0; i < rows * columns; i += BLOCK) {
    const column = i % columns;
    const out = new DataView(dst.buffer, (i / BLOCK) * blockBytes, blockBytes);
    quantize(src.subarray(i, i + BLOCK), weights?.subarray(column, column + BLOCK) ?? null, out);
  }
  return dst;
}

/** weight · √(σ² + x²): how ggml mixes importance weights with the values they belong to. */
export function mixedWeights(x: Float32Array, weights: Float32Array, sigma2: number): Float32Array {
  return x.map((v, i) => f(at(weights, i) * f(Math.sqrt(f(sigma2 + f(v * v))))));
}

/** Sums in order, each addition rounded to float32. */
export function sum(values: Float32Array): number {
  return values.reduce((total, v) => f(total + v), 0);
}

export function sumOfSquares(x: Float32Array): number {
  return x.reduce((total, v) => f(total + f(v * v)), 0);
}

/** The largest positive value or 0; as in C, NaN never wins. */
export function largest(values: Iterable<number>): number {
  let most = 0;
  for (const v of values) if (v > most) most = v;
  return most;
}

/** Codes of one sub-block for the scale really stored; a scale of 0 keeps the codes of the search. */
export function requantize(
  x: Float32Array,
  codes: Uint8Array,
  d: number,
  min: number,
  low: number,
  high: number,
): void {
  if (d === 0) return;
  x.forEach((v, i) => {
    codes[i] = clampedInt(f(f(v + min) / d), low, high) - low;
  });
}

/** Four 2-bit codes per byte: byte l of each half block holds elements l, l + 32, l + 64, l + 96. */
export function packTwoBits(codes: Uint8Array, out: DataView, offset: number): void {
  for (let half = 0; half < BLOCK; half += 128) {
    for (let l = 0; l < 32; l++) {
      const [a, b, c, e] = [0, 32, 64, 96].map((step) => at(codes, half + l + step));
      out.setUint8(offset + half / 4 + l, (a ?? 0) | ((b ?? 0) << 2) | ((c ?? 0) << 4) | ((e ?? 0) << 6));
    }
  }
}

// ggml's rounding to the nearest integer: add 1.5 · 2^23 and read the low bits of the sum.

const value = new Float32Array(1);
const bits = new Int32Array(value.buffer);

/**
 * ggml-quants.c `nearest_int`: ties to even for |v| ≤ 2^22. Beyond that the low bits mean nothing, but they are
 * what ggml stores, so they are reproduced; an arithmetic NaN gives 0.
 */
export function nearestInt(v: number): number {
  value[0] = v + 12582912;
  return ((bits[0] ?? 0) & 0x007fffff) - 0x00400000;
}

export function clampedInt(v: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, nearestInt(v)));
}

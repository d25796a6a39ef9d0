// float32 ↔ IEEE half, round to nearest, ties to even.

const value = new Float32Array(1);
const bits = new Uint32Array(value.buffer);

/** @returns the half's 16 bits; beyond 65504 + half a step infinity, NaN a quiet NaN of the same sign */
export function encodeHalf(v: number): number {
  value[0] = v;
  const word = bits[0] ?? 0;
  const sign = (word >>> 16) & 0x8000;
  const magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal halves count units of 2^-24: adding 0.5 in float32 leaves exactly those units in the low bits.
    value[0] = Math.abs(v) + 0.5;
    return sign | ((bits[0] ?? 0) - 0x3f000000);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

export function decodeHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

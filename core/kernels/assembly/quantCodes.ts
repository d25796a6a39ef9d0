// What the quantizers share: rounding floats to codes and packing 32 codes the way ggml's 32-element blocks store them.

/** 1.5 · 2^23: adding it leaves a float of magnitude below 2^22 as an integer in the mantissa, rounded to even. */
// @ts-ignore: decorator
@inline export const MAGIC: f32 = 12582912;
// @ts-ignore: decorator
@inline export const MAGIC_BITS: i32 = 0x4b400000;

/** ggml's nearest_int, kept as a float: exact for |v| < 2^22. */
// @ts-ignore: decorator
@inline
export function nearest4(v: v128): v128 {
  return f32x4.sub(f32x4.add(v, f32x4.splat(MAGIC)), f32x4.splat(MAGIC));
}

/** Integral floats below 2^22 as int32; three instructions cheaper than a saturating conversion. */
// @ts-ignore: decorator
@inline
export function integral4(v: v128): v128 {
  return i32x4.sub(f32x4.add(v, f32x4.splat(MAGIC)), i32x4.splat(MAGIC_BITS));
}

/** Sixteen int32 codes as bytes. */
// @ts-ignore: decorator
@inline
export function bytes16(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/** Elements 0–15 into low nibbles, 16–31 into high nibbles. */
// @ts-ignore: decorator
@inline
export function nibbles(low: v128, high: v128): v128 {
  return v128.or(low, i16x8.shl(high, 4)); // codes are below 16: nothing crosses into the next byte
}

/** Bit 4 of elements 0–31 as one word, element j at bit j. */
// @ts-ignore: decorator
@inline
export function fifthBits(low: v128, high: v128): u32 {
  return i8x16.bitmask(i16x8.shl(low, 3)) | (i8x16.bitmask(i16x8.shl(high, 3)) << 16);
}

// @ts-ignore: decorator
@inline
export function finite(value: f32): bool {
  return abs<f32>(value) < Infinity;
}

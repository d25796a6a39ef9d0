// float32 → float16 and bfloat16 bits, rounding to nearest even exactly as ggml-impl.h does without hardware support.

// @ts-ignore: decorator
@inline const TWO_POW_112: f32 = reinterpret<f32>(0x77800000); // overflows to infinity what float16 cannot hold
// @ts-ignore: decorator
@inline const TWO_POW_MINUS_110: f32 = reinterpret<f32>(0x08800000);

/** ggml_compute_fp32_to_fp16: the addition of a power of two rounds the mantissa; NaN becomes sign | 0x7E00. */
export function halfBits(value: f32): u32 {
  const bits = reinterpret<u32>(value);
  const twice = bits + bits; // the sign shifted out
  let bias = twice & 0xff000000;
  if (bias < 0x71000000) bias = 0x71000000; // below 2^-14 the result is subnormal: a fixed exponent
  const base = reinterpret<f32>((bias >> 1) + 0x07800000) + abs<f32>(value) * TWO_POW_112 * TWO_POW_MINUS_110;
  const rounded = reinterpret<u32>(base);
  const magnitude = ((rounded >> 13) & 0x7c00) + (rounded & 0x0fff);
  return ((bits & 0x80000000) >> 16) | (twice > 0xff000000 ? 0x7e00 : magnitude);
}

/** `halfBits`, but the sign of a NaN that arithmetic produced is x86's on every machine. */
export function scaleBits(d: f32): u32 {
  return d != d ? 0xfe00 : halfBits(d);
}

/** `halfBits` of four values, each in the low 16 bits of its lane. */
// @ts-ignore: decorator
@inline
export function halfBits4(value: v128): v128 {
  const twice = i32x4.shl(value, 1);
  const bias = i32x4.max_u(v128.and(twice, i32x4.splat(0xff000000)), i32x4.splat(0x71000000));
  const scaled = f32x4.mul(
    f32x4.mul(f32x4.abs(value), f32x4.splat(TWO_POW_112)),
    f32x4.splat(TWO_POW_MINUS_110),
  );
  const base = f32x4.add(i32x4.add(i32x4.shr_u(bias, 1), i32x4.splat(0x07800000)), scaled);
  const magnitude = i32x4.add(
    v128.and(i32x4.shr_u(base, 13), i32x4.splat(0x7c00)),
    v128.and(base, i32x4.splat(0x0fff)),
  );
  const isNan = i32x4.gt_u(twice, i32x4.splat(0xff000000));
  return v128.or(
    v128.and(i32x4.shr_u(value, 16), i32x4.splat(0x8000)),
    v128.bitselect(i32x4.splat(0x7e00), magnitude, isNan),
  );
}

/** ggml_compute_fp32_to_bf16 of four values; NaN keeps its high bits and becomes quiet. */
// @ts-ignore: decorator
@inline
export function brainBits4(value: v128): v128 {
  const high = i32x4.shr_u(value, 16);
  const odd = v128.and(high, i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(value, i32x4.add(odd, i32x4.splat(0x7fff))), 16);
  const isNan = i32x4.gt_u(v128.and(value, i32x4.splat(0x7fffffff)), i32x4.splat(0x7f800000));
  return v128.bitselect(v128.or(high, i32x4.splat(64)), rounded, isNan);
}

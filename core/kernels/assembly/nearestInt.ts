// ggml's nearest_int with the integer read from the bits of the sum, exact even where the sum has lost them.

import { MAGIC } from './quantCodes';

export function nearestInt(v: f32): i32 {
  return (reinterpret<i32>(v + MAGIC) & 0x007fffff) - 0x00400000;
}

// @ts-ignore: decorator
@inline
export function clampedInt(v: f32, low: i32, high: i32): i32 {
  return max(low, min(high, nearestInt(v)));
}

/** `clampedInt` of four values. */
// @ts-ignore: decorator
@inline
export function clampedInt4(v: v128, low: v128, high: v128): v128 {
  const bits = v128.and(f32x4.add(v, f32x4.splat(MAGIC)), i32x4.splat(0x007fffff));
  return i32x4.max_s(low, i32x4.min_s(high, i32x4.sub(bits, i32x4.splat(0x00400000))));
}

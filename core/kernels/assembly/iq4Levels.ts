// Nearest of the sixteen IQ4 levels, sixteen lanes at a time: a table lookup instead of fifteen comparisons.
//
// The midpoints between neighbouring levels are multiples of ½, so t = floor(2v) decides: level = #{k : t ≥ 2·mid(k)}.
// Cut the axis t + 240 into buckets of 16: each holds at most one midpoint. A bucket's byte is
//   16 · (levels below the bucket) + 16 − (midpoint inside the bucket),
// so that byte + (position inside the bucket), divided by 16, is the level.

import { MAGIC, MAGIC_BITS } from './quantCodes';

// @ts-ignore: decorator
@inline const OFFSET: i32 = 240;

// @ts-ignore: decorator
@inline
function lowBuckets(): v128 {
  return i8x16(7, 16, 16, 27, 32, 36, 48, 50, 64, 68, 80, 89, 96, 112, 121, -126);
}
// @ts-ignore: decorator
@inline
function highBuckets(): v128 {
  return i8x16(-112, -102, -95, -80, -75, -64, -58, -48, -46, -32, -32, -26, -16, -16, -16, -16);
}

/** kvalues_iq4nl */
// @ts-ignore: decorator
@inline
export function levelValues(): v128 {
  return i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
}

/** floor(doubled) + 240 per lane; `doubled` is 2v with |v| ≤ 135. */
// @ts-ignore: decorator
@inline
export function position4(doubled: v128): v128 {
  return i32x4.sub(f32x4.add(f32x4.floor(doubled), f32x4.splat(MAGIC)), i32x4.splat(MAGIC_BITS - OFFSET));
}

/** Level numbers 0…15 of sixteen positions. */
// @ts-ignore: decorator
@inline
export function levels16(a: v128, b: v128, c: v128, d: v128): v128 {
  const low = i16x8.narrow_i32x4_u(a, b); // below the first midpoint: saturates to the first bucket
  const high = i16x8.narrow_i32x4_u(c, d);
  const inside = i16x8.splat(15);
  const bucket = i8x16.narrow_i16x8_u(i16x8.shr_u(low, 4), i16x8.shr_u(high, 4));
  const offset = i8x16.narrow_i16x8_u(v128.and(low, inside), v128.and(high, inside));
  const entry = v128.or(
    i8x16.swizzle(lowBuckets(), bucket),
    i8x16.swizzle(highBuckets(), i8x16.sub(bucket, i8x16.splat(16))),
  );
  return v128.and(i16x8.shr_u(i8x16.add(entry, offset), 4), i8x16.splat(15));
}

/** Levels nearest to `scale`·x for 16 floats. Any scale: too large a value takes the end level, NaN the last one. */
// @ts-ignore: decorator
@inline
export function nearestLevels16(at: usize, scale: v128): v128 {
  const twice = f32x4.add(scale, scale);
  return levels16(
    bounded4(v128.load(at), twice),
    bounded4(v128.load(at, 16), twice),
    bounded4(v128.load(at, 32), twice),
    bounded4(v128.load(at, 48), twice),
  );
}

// @ts-ignore: decorator
@inline
function bounded4(x: v128, twice: v128): v128 {
  const most = f32x4.splat(270);
  const capped = f32x4.pmin(most, f32x4.mul(x, twice)); // this operand order turns NaN into the upper bound
  return position4(f32x4.pmax(f32x4.splat(-270), capped));
}

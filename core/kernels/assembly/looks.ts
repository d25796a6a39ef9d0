// The two looks at float32 elements: sums and range first; then, knowing them, the histogram and the outlier counts.

import { bump } from './counts';

// @ts-ignore: decorator
@inline const BLOCK: i32 = 128;

/**
 * Adds to out: sum, sum of |x|, min, max, zeros, NaN, +∞, −∞ (8 float64), leaving non-finite elements out of the first
 * five. Σx in float64; Σ|x| in float32 over 32 elements a lane, then float64.
 */
export function firstLook(src: usize, count: i32, out: usize): void {
  let sum = f64x2.splat(0);
  let absSum: f64 = 0;
  let low = f32x4.splat(f32.MAX_VALUE);
  let high = f32x4.splat(-f32.MAX_VALUE);
  let zeros = i32x4.splat(0);
  let i = 0;
  for (; i + BLOCK <= count; i += BLOCK) {
    let blockSum = f64x2.splat(0);
    let blockAbs = f32x4.splat(0);
    let blockLow = low;
    let blockHigh = high;
    let blockZeros = zeros;
    const end = src + BLOCK * 4;
    for (let p = src; p < end; p += 16) {
      const x = v128.load(p);
      blockAbs = f32x4.add(blockAbs, f32x4.abs(x));
      blockLow = f32x4.pmin(blockLow, x);
      blockHigh = f32x4.pmax(blockHigh, x);
      blockZeros = i32x4.sub(blockZeros, f32x4.eq(x, f32x4.splat(0)));
      blockSum = f64x2.add(
        blockSum,
        f64x2.add(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 2, 3))),
      );
    }
    const total =
      <f64>f32x4.extract_lane(blockAbs, 0) +
      <f64>f32x4.extract_lane(blockAbs, 1) +
      <f64>f32x4.extract_lane(blockAbs, 2) +
      <f64>f32x4.extract_lane(blockAbs, 3);
    if (isFinite(total)) {
      absSum += total;
      sum = f64x2.add(sum, blockSum);
      low = blockLow;
      high = blockHigh;
      zeros = blockZeros;
    } else {
      carefulLook(src, BLOCK, out);
    }
    src = end;
  }
  store<f64>(out, load<f64>(out) + f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1));
  store<f64>(out, load<f64>(out, 8) + absSum, 8);
  if (i > 0) {
    for (let lane = 0; lane < 4; lane++) {
      store<f64>(out, min(load<f64>(out, 16), <f64>f32x4.extract_lane(low, 0)), 16);
      store<f64>(out, max(load<f64>(out, 24), <f64>f32x4.extract_lane(high, 0)), 24);
      store<f64>(out, load<f64>(out, 32) + <f64>i32x4.extract_lane(zeros, 0), 32);
      low = v128.shuffle<i32>(low, low, 1, 2, 3, 0);
      high = v128.shuffle<i32>(high, high, 1, 2, 3, 0);
      zeros = v128.shuffle<i32>(zeros, zeros, 1, 2, 3, 0);
    }
  }
  carefulLook(src, count - i, out);
}

/** One element at a time. */
function carefulLook(src: usize, count: i32, out: usize): void {
  for (let i = 0; i < count; i++) {
    const x = <f64>load<f32>(src + (<usize>i << 2));
    if (isNaN(x)) {
      store<f64>(out, load<f64>(out, 40) + 1, 40);
    } else if (!isFinite(x)) {
      const at = out + (x > 0 ? 48 : 56);
      store<f64>(at, load<f64>(at) + 1);
    } else {
      store<f64>(out, load<f64>(out) + x);
      store<f64>(out, load<f64>(out, 8) + abs(x), 8);
      store<f64>(out, min(load<f64>(out, 16), x), 16);
      store<f64>(out, max(load<f64>(out, 24), x), 24);
      if (x == 0) store<f64>(out, load<f64>(out, 32) + 1, 32);
    }
  }
}

/**
 * Adds to `pairs` (65,536 uint32) at bin(first) + 256 · bin(second) for every two neighbours: half the counting of one by
 * one, and neighbours that are equal rarely wait for each other; to `bins` (256 uint32) what has no partner; and to
 * `beyond` (6 uint32) how many elements lie outside ±3σ, ±6σ and beyond M · mean|x| for M = 3, 5, 7, 10.
 * bin(x) = min(255, ⌊(x − min) · scale⌋).
 * @param limits float64 min, scale; then float32 high3, low3, high6, low6, m3, m5, m7, m10, and the least |x| that can
 * be beyond any of them
 * @param single not 0 to count one by one: for few elements, or where some are NaN or infinite (they are left out)
 */
export function secondLook(
  src: usize, count: i32, limits: usize, pairs: usize, bins: usize, beyond: usize, single: i32,
): void {
  const low = load<f64>(limits);
  const scale = load<f64>(limits, 8);
  const least = v128.load32_splat(limits, 48);
  const lows = f64x2.splat(low);
  const scales = f64x2.splat(scale);
  const nine = i32x4.splat(511);
  let i = 0;
  if (single == 0) {
    for (; i + 8 <= count; i += 8) {
      const x = v128.load(src);
      const y = v128.load(src, 16);
      const far = v128.or(f32x4.gt(f32x4.abs(x), least), f32x4.gt(f32x4.abs(y), least));
      if (v128.any_true(far)) {
        countBeyond(x, limits, beyond);
        countBeyond(y, limits, beyond);
      }
      const a = placed(x, lows, scales);
      const b = placed(v128.shuffle<i32>(x, x, 2, 3, 2, 3), lows, scales);
      const c = placed(y, lows, scales);
      const d = placed(v128.shuffle<i32>(y, y, 2, 3, 2, 3), lows, scales);
      const ab = v128.and(i32x4.shr_u(v128.shuffle<i32>(a, b, 1, 3, 5, 7), 11), nine);
      const cd = v128.and(i32x4.shr_u(v128.shuffle<i32>(c, d, 1, 3, 5, 7), 11), nine);
      const words = i16x8.narrow_i32x4_u(ab, cd);
      // Narrowing clamps bin 256, x = max, to the last one.
      const bytes = <u64>i64x2.extract_lane(i8x16.narrow_i16x8_u(words, words), 0);
      bump(pairs + (<usize>(bytes & 0xffff) << 2));
      bump(pairs + (<usize>((bytes >> 16) & 0xffff) << 2));
      bump(pairs + (<usize>((bytes >> 32) & 0xffff) << 2));
      bump(pairs + (<usize>(bytes >> 48) << 2));
      src += 32;
    }
  }
  for (; i < count; i++) {
    const x = load<f32>(src);
    src += 4;
    if (!isFinite(x)) continue;
    // NaN, in the other lanes, is beyond nothing.
    countBeyond(f32x4.replace_lane(f32x4.splat(f32.NaN), 0, x), limits, beyond);
    const bin = min(255, <i32>((reinterpret<u64>((<f64>x - low) * scale + 512) >> 43) & 511));
    bump(bins + (<usize>bin << 2));
  }
}

/** v + 512 has 43 bits of fraction below a fixed exponent: nine bits of its upper word are ⌊v⌋, to 2^−44. */
// @ts-ignore: decorator
@inline
function placed(x: v128, low: v128, scale: v128): v128 {
  return f64x2.add(f64x2.mul(f64x2.sub(f64x2.promote_low_f32x4(x), low), scale), f64x2.splat(512));
}

function countBeyond(x: v128, limits: usize, beyond: usize): void {
  const magnitude = f32x4.abs(x);
  add(beyond, v128.or(f32x4.gt(x, v128.load32_splat(limits, 16)), f32x4.lt(x, v128.load32_splat(limits, 20))));
  add(beyond + 4, v128.or(f32x4.gt(x, v128.load32_splat(limits, 24)), f32x4.lt(x, v128.load32_splat(limits, 28))));
  add(beyond + 8, f32x4.gt(magnitude, v128.load32_splat(limits, 32)));
  add(beyond + 12, f32x4.gt(magnitude, v128.load32_splat(limits, 36)));
  add(beyond + 16, f32x4.gt(magnitude, v128.load32_splat(limits, 40)));
  add(beyond + 20, f32x4.gt(magnitude, v128.load32_splat(limits, 44)));
}

// @ts-ignore: decorator
@inline
function add(at: usize, mask: v128): void {
  store<u32>(at, load<u32>(at) + popcnt<i32>(i32x4.bitmask(mask)));
}

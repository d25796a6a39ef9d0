// The affine search of make_qkx2_quants and make_qkx3_quants, x ≈ scale · code + min, for four sub-blocks at once.

import { FIT_INVERSE, FIT_MIN, FIT_SCALE, FIT_SHIFT, FIT_WEIGHT } from './affineFit';
import { fitOneLane } from './affineScalar';
import { nearest4 } from './quantCodes';

/** nearest_int is exact up to here. */
// @ts-ignore: decorator
@inline const EXACT: f32 = 4194303;

/**
 * Candidate k tries the inverse scale (rmin + rdelta · k + nmax) / (max − min). Every lane rounds and adds as the C
 * source does for its sub-block; branches are lane selects.
 * @param x, w        values and weights, interleaved: element i of the four sub-blocks at + 16 i
 * @param l           scratch of 16 n bytes
 * @param absolute    judge by weighted absolute instead of squared error
 * @param clampFirst  candidates clamp before rounding (make_qkx3_quants): defined for any value
 * @param fit         results for four consecutive sub-blocks, see affineFit.ts
 */
// @ts-ignore: decorator
@inline
export function fitLanes(
  x: usize,
  w: usize,
  l: usize,
  n: i32,
  nmax: i32,
  rmin: f32,
  rdelta: f32,
  steps: i32,
  absolute: bool,
  clampFirst: bool,
  fit: usize,
): void {
  const end = (<usize>n) << 4;
  const zero = f32x4.splat(0);
  const top = f32x4.splat(<f32>nmax);

  let lowest = v128.load(x);
  let high = lowest;
  let sumW = v128.load(w);
  let sumX = f32x4.mul(sumW, lowest);
  for (let at: usize = 16; at < end; at += 16) {
    const v = v128.load(x + at);
    const weight = v128.load(w + at);
    lowest = f32x4.pmin(lowest, v);
    high = f32x4.pmax(high, v);
    sumW = f32x4.add(sumW, weight);
    sumX = f32x4.add(sumX, f32x4.mul(weight, v));
  }
  let low = f32x4.pmin(lowest, zero);
  const start = low;
  const flat = f32x4.eq(high, low);

  let inverse = f32x4.div(top, f32x4.sub(high, low));
  let scale = f32x4.div(f32x4.splat(1), inverse);
  let outside = v128.andnot(v128.not(inRange(inverse, low, lowest, high)), flat);
  let best = zero;
  for (let at: usize = 0; at < end; at += 16) {
    const v = v128.load(x + at);
    const code = codes(v, low, inverse, top);
    best = f32x4.add(best, f32x4.mul(v128.load(w + at), cost(v, code, scale, low, absolute)));
  }
  let keptInverse = inverse;
  let keptShift = low;

  for (let step = 0; step <= steps; step++) {
    inverse = f32x4.div(f32x4.splat(rmin + rdelta * <f32>step + <f32>nmax), f32x4.sub(high, low));
    if (!clampFirst) outside = v128.or(outside, v128.andnot(v128.not(inRange(inverse, low, lowest, high)), flat));
    let sumL = zero;
    let sumL2 = zero;
    let sumXL = zero;
    for (let at: usize = 0; at < end; at += 16) {
      const v = v128.load(x + at);
      const code = codes(v, low, inverse, top);
      v128.store(l + at, code);
      const weighted = f32x4.mul(v128.load(w + at), code);
      sumL = f32x4.add(sumL, weighted);
      sumL2 = f32x4.add(sumL2, f32x4.mul(weighted, code));
      sumXL = f32x4.add(sumXL, f32x4.mul(weighted, v));
    }
    const determinant = f32x4.sub(f32x4.mul(sumW, sumL2), f32x4.mul(sumL, sumL));
    let triedScale = f32x4.div(f32x4.sub(f32x4.mul(sumW, sumXL), f32x4.mul(sumX, sumL)), determinant);
    let triedMin = f32x4.div(f32x4.sub(f32x4.mul(sumL2, sumX), f32x4.mul(sumL, sumXL)), determinant);
    const positive = f32x4.gt(triedMin, zero);
    if (v128.any_true(positive)) {
      triedScale = v128.bitselect(f32x4.div(sumXL, sumL2), triedScale, positive);
      triedMin = v128.andnot(triedMin, positive);
    }
    let error = zero;
    for (let at: usize = 0; at < end; at += 16) {
      const difference = cost(v128.load(x + at), v128.load(l + at), triedScale, triedMin, absolute);
      error = f32x4.add(error, f32x4.mul(v128.load(w + at), difference));
    }
    const better = v128.and(f32x4.lt(error, best), f32x4.gt(determinant, zero));
    best = v128.bitselect(error, best, better);
    scale = v128.bitselect(triedScale, scale, better);
    keptInverse = v128.bitselect(inverse, keptInverse, better);
    keptShift = v128.bitselect(low, keptShift, better);
    low = v128.bitselect(triedMin, low, better);
  }

  if (v128.any_true(outside)) {
    for (let lane: usize = 0; lane < 16; lane += 4) {
      fitOneLane(x + lane, w + lane, l + lane, n, nmax, rmin, rdelta, steps, absolute, clampFirst, fit + lane);
    }
    return;
  }
  v128.store(fit, v128.andnot(scale, flat), FIT_SCALE);
  v128.store(fit, f32x4.neg(v128.bitselect(start, low, flat)), FIT_MIN);
  v128.store(fit, v128.andnot(keptInverse, flat), FIT_INVERSE);
  v128.store(fit, v128.bitselect(start, keptShift, flat), FIT_SHIFT);
  v128.store(fit, sumW, FIT_WEIGHT);
}

// @ts-ignore: decorator
@inline
function codes(v: v128, low: v128, inverse: v128, top: v128): v128 {
  const scaled = f32x4.mul(inverse, f32x4.sub(v, low));
  return nearest4(f32x4.pmin(f32x4.pmax(f32x4.splat(0), scaled), top)); // NaN becomes 0, as with nearest_int
}

// @ts-ignore: decorator
@inline
function cost(v: v128, code: v128, scale: v128, low: v128, absolute: bool): v128 {
  const difference = f32x4.sub(f32x4.add(f32x4.mul(scale, code), low), v);
  return absolute ? f32x4.abs(difference) : f32x4.mul(difference, difference);
}

/** Whether both ends of a lane's values, and with them all others, round exactly. */
// @ts-ignore: decorator
@inline
function inRange(inverse: v128, low: v128, lowest: v128, high: v128): v128 {
  const a = f32x4.abs(f32x4.mul(inverse, f32x4.sub(lowest, low)));
  const b = f32x4.abs(f32x4.mul(inverse, f32x4.sub(high, low)));
  return v128.and(f32x4.le(a, f32x4.splat(EXACT)), f32x4.le(b, f32x4.splat(EXACT)));
}

// The affine search of make_qkx2_quants and make_qkx3_quants, x ≈ scale · code + min, for four or eight sub-blocks.

import {
  ERROR, finish, firstCandidate, keepFirst, keepIfBetter, nextCandidate, STATE_BYTES, TRIED_MIN, TRIED_SCALE,
} from './affineCandidate';
import { fitOneLane } from './affineScalar';

const FIRST: usize = memory.data(STATE_BYTES, 16);
const SECOND: usize = memory.data(STATE_BYTES, 16);

/**
 * Candidate k tries the inverse scale (rmin + rdelta · k + nmax) / (max − min). Every lane rounds and adds as the C
 * source does for its sub-block; branches are lane selects. Of two groups one computes while the other waits for its
 * divisions and sums, which is a sixth faster than one after the other.
 * @param x, w        values and weights, interleaved: element i of sub-blocks 0–3 at + 16 i, of 4–7 at + 16 (n + i)
 * @param l           scratch like x and w
 * @param groups      1 or 2 groups of four; memory for two in any case
 * @param absolute    judge by weighted absolute instead of squared error
 * @param clampFirst  candidates clamp before rounding (make_qkx3_quants): defined for any value
 * @param fit         results for consecutive sub-blocks, see affineFit.ts
 */
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
  groups: i32,
  fit: usize,
): void {
  const bytes = (<usize>n) << 4;
  const top = <f32>nmax;
  firstCandidate(FIRST, x, w, l, bytes, top);
  if (groups == 2) firstCandidate(SECOND, x + bytes, w + bytes, l + bytes, bytes, top);
  judge(x, w, l, bytes, absolute);
  keepFirst(FIRST);
  keepFirst(SECOND);
  for (let step = 0; step <= steps; step++) {
    const numerator = rmin + rdelta * <f32>step + top;
    nextCandidate(FIRST, x, w, l, bytes, numerator, top, !clampFirst);
    if (groups == 2) nextCandidate(SECOND, x + bytes, w + bytes, l + bytes, bytes, numerator, top, !clampFirst);
    judge(x, w, l, bytes, absolute);
    keepIfBetter(FIRST);
    if (groups == 2) keepIfBetter(SECOND);
  }
  for (let group = 0; group < groups; group++, x += bytes, w += bytes, l += bytes, fit += 16) {
    if (finish(group == 0 ? FIRST : SECOND, fit)) continue;
    for (let lane: usize = 0; lane < 16; lane += 4) {
      fitOneLane(x + lane, w + lane, l + lane, n, nmax, rmin, rdelta, steps, absolute, clampFirst, fit + lane);
    }
  }
}

/** The errors of both groups' candidates. */
function judge(x: usize, w: usize, l: usize, bytes: usize, absolute: bool): void {
  if (absolute) errors(x, w, l, bytes, true);
  else errors(x, w, l, bytes, false);
}

// @ts-ignore: decorator
@inline
function errors(x: usize, w: usize, l: usize, bytes: usize, absolute: bool): void {
  const scale1 = v128.load(FIRST, TRIED_SCALE);
  const scale2 = v128.load(SECOND, TRIED_SCALE);
  const min1 = v128.load(FIRST, TRIED_MIN);
  const min2 = v128.load(SECOND, TRIED_MIN);
  let error1 = f32x4.splat(0);
  let error2 = error1;
  for (const end = x + bytes; x < end; x += 16, w += 16, l += 16) {
    const cost1 = cost(v128.load(x), v128.load(l), scale1, min1, absolute);
    const cost2 = cost(v128.load(x + bytes), v128.load(l + bytes), scale2, min2, absolute);
    error1 = f32x4.add(error1, f32x4.mul(v128.load(w), cost1));
    error2 = f32x4.add(error2, f32x4.mul(v128.load(w + bytes), cost2));
  }
  v128.store(FIRST, error1, ERROR);
  v128.store(SECOND, error2, ERROR);
}

// @ts-ignore: decorator
@inline
function cost(v: v128, code: v128, scale: v128, low: v128, absolute: bool): v128 {
  const difference = f32x4.sub(f32x4.add(f32x4.mul(scale, code), low), v);
  return absolute ? f32x4.abs(difference) : f32x4.mul(difference, difference);
}

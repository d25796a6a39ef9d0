// One group of four sub-blocks in the affine search: its state, and the steps from one candidate to the next.

import { FIT_INVERSE, FIT_MIN, FIT_SCALE, FIT_SHIFT, FIT_WEIGHT } from './affineFit';
import { nearest4 } from './quantCodes';

/** nearest_int is exact up to here. */
// @ts-ignore: decorator
@inline const EXACT: f32 = 4194303;

// Byte distances of the state's vectors, one lane per sub-block.
/** The minimum so far, never positive; LOWEST is the smallest value itself, START the first LOW. */
// @ts-ignore: decorator
@inline const LOW: usize = 0;
// @ts-ignore: decorator
@inline const HIGH: usize = 16;
// @ts-ignore: decorator
@inline const LOWEST: usize = 32;
// @ts-ignore: decorator
@inline const START: usize = 48;
/** Lanes without any spread: scale 0. */
// @ts-ignore: decorator
@inline const FLAT: usize = 64;
// @ts-ignore: decorator
@inline const SUM_W: usize = 80;
// @ts-ignore: decorator
@inline const SUM_X: usize = 96;
/** The candidate at hand. */
// @ts-ignore: decorator
@inline const INVERSE: usize = 112;
// @ts-ignore: decorator
@inline export const TRIED_SCALE: usize = 128;
// @ts-ignore: decorator
@inline export const TRIED_MIN: usize = 144;
// @ts-ignore: decorator
@inline const SOLVABLE: usize = 160;
// @ts-ignore: decorator
@inline export const ERROR: usize = 176;
/** The best candidate. */
// @ts-ignore: decorator
@inline const BEST: usize = 192;
// @ts-ignore: decorator
@inline const SCALE: usize = 208;
// @ts-ignore: decorator
@inline const KEPT_INVERSE: usize = 224;
// @ts-ignore: decorator
@inline const KEPT_SHIFT: usize = 240;
/** Lanes that left the exact range of nearest_int. */
// @ts-ignore: decorator
@inline const OUTSIDE: usize = 256;
// @ts-ignore: decorator
@inline export const STATE_BYTES: i32 = 272;

/** The first guess: codes from minimum to maximum. `bytes` is 16 per element, `nmax` the largest code. */
export function firstCandidate(state: usize, x: usize, w: usize, l: usize, bytes: usize, nmax: f32): void {
  const top = f32x4.splat(nmax);
  let lowest = v128.load(x);
  let high = lowest;
  let sumW = v128.load(w);
  let sumX = f32x4.mul(sumW, lowest);
  for (let at: usize = 16; at < bytes; at += 16) {
    const v = v128.load(x + at);
    const weight = v128.load(w + at);
    lowest = f32x4.pmin(lowest, v);
    high = f32x4.pmax(high, v);
    sumW = f32x4.add(sumW, weight);
    sumX = f32x4.add(sumX, f32x4.mul(weight, v));
  }
  const low = f32x4.pmin(lowest, f32x4.splat(0));
  const flat = f32x4.eq(high, low);
  const inverse = f32x4.div(top, f32x4.sub(high, low));
  const scale = f32x4.div(f32x4.splat(1), inverse);
  for (let at: usize = 0; at < bytes; at += 16) v128.store(l + at, codes(v128.load(x + at), low, inverse, top));
  v128.store(state, low, LOW);
  v128.store(state, high, HIGH);
  v128.store(state, lowest, LOWEST);
  v128.store(state, low, START);
  v128.store(state, flat, FLAT);
  v128.store(state, sumW, SUM_W);
  v128.store(state, sumX, SUM_X);
  v128.store(state, scale, TRIED_SCALE);
  v128.store(state, low, TRIED_MIN);
  v128.store(state, v128.andnot(outOfRange(inverse, low, lowest, high), flat), OUTSIDE);
  v128.store(state, scale, SCALE);
  v128.store(state, inverse, KEPT_INVERSE);
  v128.store(state, low, KEPT_SHIFT);
}

/** Takes the first guess's error as the one to beat, even if it is not a number. */
// @ts-ignore: decorator
@inline
export function keepFirst(state: usize): void {
  v128.store(state, v128.load(state, ERROR), BEST);
}

/**
 * Codes of the inverse scale numerator / (max − min), and the scale and minimum that fit them best.
 * @param guard  note lanes whose scaled values nearest_int would not round
 */
export function nextCandidate(
  state: usize, x: usize, w: usize, l: usize, bytes: usize, numerator: f32, nmax: f32, guard: bool,
): void {
  const top = f32x4.splat(nmax);
  const zero = f32x4.splat(0);
  const low = v128.load(state, LOW);
  const high = v128.load(state, HIGH);
  const inverse = f32x4.div(f32x4.splat(numerator), f32x4.sub(high, low));
  let sumL = zero;
  let sumL2 = zero;
  let sumXL = zero;
  for (let at: usize = 0; at < bytes; at += 16) {
    const v = v128.load(x + at);
    const code = codes(v, low, inverse, top);
    v128.store(l + at, code);
    const weighted = f32x4.mul(v128.load(w + at), code);
    sumL = f32x4.add(sumL, weighted);
    sumL2 = f32x4.add(sumL2, f32x4.mul(weighted, code));
    sumXL = f32x4.add(sumXL, f32x4.mul(weighted, v));
  }
  const sumW = v128.load(state, SUM_W);
  const sumX = v128.load(state, SUM_X);
  const determinant = f32x4.sub(f32x4.mul(sumW, sumL2), f32x4.mul(sumL, sumL));
  let scale = f32x4.div(f32x4.sub(f32x4.mul(sumW, sumXL), f32x4.mul(sumX, sumL)), determinant);
  let min = f32x4.div(f32x4.sub(f32x4.mul(sumL2, sumX), f32x4.mul(sumL, sumXL)), determinant);
  const positive = f32x4.gt(min, zero);
  if (v128.any_true(positive)) {
    scale = v128.bitselect(f32x4.div(sumXL, sumL2), scale, positive);
    min = v128.andnot(min, positive);
  }
  v128.store(state, inverse, INVERSE);
  v128.store(state, scale, TRIED_SCALE);
  v128.store(state, min, TRIED_MIN);
  v128.store(state, f32x4.gt(determinant, zero), SOLVABLE);
  if (guard) {
    const outside = v128.andnot(outOfRange(inverse, low, v128.load(state, LOWEST), high), v128.load(state, FLAT));
    v128.store(state, v128.or(v128.load(state, OUTSIDE), outside), OUTSIDE);
  }
}

/** The candidate becomes the best one in the lanes where its error is smaller. */
export function keepIfBetter(state: usize): void {
  const error = v128.load(state, ERROR);
  const better = v128.and(f32x4.lt(error, v128.load(state, BEST)), v128.load(state, SOLVABLE));
  if (!v128.any_true(better)) return;
  const low = v128.load(state, LOW);
  replace(state + BEST, error, better);
  replace(state + SCALE, v128.load(state, TRIED_SCALE), better);
  replace(state + KEPT_INVERSE, v128.load(state, INVERSE), better);
  replace(state + KEPT_SHIFT, low, better);
  replace(state + LOW, v128.load(state, TRIED_MIN), better);
}

// @ts-ignore: decorator
@inline
function replace(at: usize, value: v128, lanes: v128): void {
  v128.store(at, v128.bitselect(value, v128.load(at), lanes));
}

/** Writes the results. @returns false if a lane left the exact range: then they are not to be used */
export function finish(state: usize, fit: usize): bool {
  if (v128.any_true(v128.load(state, OUTSIDE))) return false;
  const flat = v128.load(state, FLAT);
  const start = v128.load(state, START);
  v128.store(fit, v128.andnot(v128.load(state, SCALE), flat), FIT_SCALE);
  v128.store(fit, f32x4.neg(v128.bitselect(start, v128.load(state, LOW), flat)), FIT_MIN);
  v128.store(fit, v128.andnot(v128.load(state, KEPT_INVERSE), flat), FIT_INVERSE);
  v128.store(fit, v128.bitselect(start, v128.load(state, KEPT_SHIFT), flat), FIT_SHIFT);
  v128.store(fit, v128.load(state, SUM_W), FIT_WEIGHT);
  return true;
}

// @ts-ignore: decorator
@inline
function codes(v: v128, low: v128, inverse: v128, top: v128): v128 {
  const scaled = f32x4.mul(inverse, f32x4.sub(v, low));
  return nearest4(f32x4.pmin(f32x4.pmax(f32x4.splat(0), scaled), top)); // NaN becomes 0, as with nearest_int
}

/** Lanes where an end of the values, and with it maybe others, does not round exactly. */
// @ts-ignore: decorator
@inline
function outOfRange(inverse: v128, low: v128, lowest: v128, high: v128): v128 {
  const a = f32x4.abs(f32x4.mul(inverse, f32x4.sub(lowest, low)));
  const b = f32x4.abs(f32x4.mul(inverse, f32x4.sub(high, low)));
  return v128.not(v128.and(f32x4.le(a, f32x4.splat(EXACT)), f32x4.le(b, f32x4.splat(EXACT))));
}

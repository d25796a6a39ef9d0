// ggml-quants.c `make_qx_quants` of four sub-blocks at once: the best symmetric scale among nineteen.

import { FIT_INVERSE, FIT_SCALE } from './affineFit';
import { GROUP_MAX_EPS } from './makeQpQuants';
import { nearest4 } from './quantCodes';
import { FIT_ZERO } from './symmetricFit';
import { fitSymmetric } from './symmetricSingle';

/**
 * Every lane rounds and adds as the C source does for its sub-block.
 * @param x, w  values and weights, interleaved: element i of the four sub-blocks at + 16 i
 * @param wx    scratch of 16 n bytes
 * @param fit   FIT_SCALE, FIT_INVERSE and FIT_ZERO of four consecutive sub-blocks
 */
export function makeQxQuants(x: usize, w: usize, wx: usize, n: i32, nmax: i32, fit: usize): void {
  const end = (<usize>n) << 4;
  const low = f32x4.splat(<f32>-nmax);
  const high = f32x4.splat(<f32>(nmax - 1));
  const zero = f32x4.splat(0);
  let amax = zero;
  let most = zero;
  for (let at: usize = 0; at < end; at += 16) {
    const v = v128.load(x + at);
    const magnitude = f32x4.abs(v);
    most = v128.bitselect(v, most, f32x4.gt(magnitude, amax));
    amax = f32x4.pmax(amax, magnitude);
    v128.store(wx + at, f32x4.mul(v128.load(w + at), v));
  }
  const none = f32x4.lt(amax, f32x4.splat(GROUP_MAX_EPS));

  let inverse = f32x4.div(low, most);
  let sumlx = zero;
  let suml2 = zero;
  for (let at: usize = 0; at < end; at += 16) {
    const code = codes(v128.load(x + at), inverse, low, high);
    sumlx = f32x4.add(sumlx, f32x4.mul(v128.load(wx + at), code));
    suml2 = f32x4.add(suml2, f32x4.mul(f32x4.mul(v128.load(w + at), code), code));
  }
  // Overflow or a non-finite value shows in these sums; then nearest_int needs its exact integer form.
  const finite = v128.and(f32x4.lt(f32x4.abs(sumlx), f32x4.splat(Infinity)), f32x4.lt(suml2, f32x4.splat(Infinity)));
  if (!i32x4.all_true(v128.or(finite, none))) {
    for (let lane: usize = 0; lane < 16; lane += 4) fitSymmetric(x + lane, w + lane, 16, n, nmax, fit + lane);
    return;
  }
  let scale = v128.and(f32x4.div(sumlx, suml2), f32x4.ne(suml2, zero));
  let best = f32x4.mul(scale, sumlx);
  let kept = inverse;

  for (let k = 0; k < 18; k += 2) {
    inverse = candidate(k, nmax, most);
    const inverse2 = candidate(k + 1, nmax, most);
    sumlx = zero;
    suml2 = zero;
    let sumlx2 = zero;
    let suml22 = zero;
    for (let at: usize = 0; at < end; at += 16) {
      const v = v128.load(x + at);
      const weight = v128.load(w + at);
      const weighted = v128.load(wx + at);
      const code = codes(v, inverse, low, high);
      const code2 = codes(v, inverse2, low, high);
      sumlx = f32x4.add(sumlx, f32x4.mul(weighted, code));
      suml2 = f32x4.add(suml2, f32x4.mul(f32x4.mul(weight, code), code));
      sumlx2 = f32x4.add(sumlx2, f32x4.mul(weighted, code2));
      suml22 = f32x4.add(suml22, f32x4.mul(f32x4.mul(weight, code2), code2));
    }
    let better = isBetter(sumlx, suml2, best);
    scale = v128.bitselect(f32x4.div(sumlx, suml2), scale, better);
    best = v128.bitselect(f32x4.mul(scale, sumlx), best, better);
    kept = v128.bitselect(inverse, kept, better);
    better = isBetter(sumlx2, suml22, best);
    scale = v128.bitselect(f32x4.div(sumlx2, suml22), scale, better);
    best = v128.bitselect(f32x4.mul(scale, sumlx2), best, better);
    kept = v128.bitselect(inverse2, kept, better);
  }
  v128.store(fit, v128.andnot(scale, none), FIT_SCALE);
  v128.store(fit, v128.andnot(kept, none), FIT_INVERSE);
  v128.store(fit, v128.andnot(f32x4.neg(low), none), FIT_ZERO);
}

/** −(nmax + tenths / 10) / max for tenths −9…−1, 1…9. */
// @ts-ignore: decorator
@inline
function candidate(k: i32, nmax: i32, most: v128): v128 {
  const tenths = k < 9 ? k - 9 : k - 8;
  return f32x4.div(f32x4.splat(-(<f32>nmax + <f32>0.1 * <f32>tenths)), most);
}

// @ts-ignore: decorator
@inline
function codes(v: v128, inverse: v128, low: v128, high: v128): v128 {
  return nearest4(f32x4.pmin(f32x4.pmax(f32x4.mul(inverse, v), low), high));
}

// @ts-ignore: decorator
@inline
function isBetter(sumlx: v128, suml2: v128, best: v128): v128 {
  const larger = f32x4.gt(f32x4.mul(sumlx, sumlx), f32x4.mul(best, suml2));
  return v128.and(larger, f32x4.gt(suml2, f32x4.splat(0)));
}

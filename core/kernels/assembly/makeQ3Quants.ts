// ggml-quants.c `make_q3_quants` of four sub-blocks at once: symmetric scale by coordinate descent over the codes.

import { FIT_SCALE } from './affineFit';
import { GROUP_MAX_EPS } from './makeQpQuants';
import { clampedInt4 } from './nearestInt';

/**
 * Weights are x². In each pass every code in turn moves to its best level if the normalized projection grows; a lane
 * without a change repeats its pass unchanged, so the group stops when no lane changes, after five passes at most.
 * @param x     values, interleaved: element i of the four sub-blocks at + 16 i
 * @param l     16 n bytes: the codes as floats −nmax…nmax − 1, interleaved
 * @param w, wx scratch of 16 n bytes each
 * @param fit   FIT_SCALE of four consecutive sub-blocks
 * @returns     one bit per lane whose sub-block counts as zero: its codes are all "0 − nmax"
 */
export function makeQ3Quants(x: usize, w: usize, wx: usize, l: usize, n: i32, nmax: i32, fit: usize): i32 {
  const end = (<usize>n) << 4;
  const low = i32x4.splat(-nmax);
  const high = i32x4.splat(nmax - 1);
  const zero = f32x4.splat(0);
  let amax = zero;
  let most = zero;
  for (let at: usize = 0; at < end; at += 16) {
    const v = v128.load(x + at);
    const magnitude = f32x4.abs(v);
    most = v128.bitselect(v, most, f32x4.gt(magnitude, amax));
    amax = f32x4.pmax(amax, magnitude);
  }
  const none = f32x4.lt(amax, f32x4.splat(GROUP_MAX_EPS));
  const inverse = f32x4.div(f32x4.splat(<f32>-nmax), most);
  let sumlx = zero;
  let suml2 = zero;
  for (let at: usize = 0; at < end; at += 16) {
    const v = v128.load(x + at);
    const weight = f32x4.mul(v, v);
    const weighted = f32x4.mul(weight, v);
    const code = f32x4.convert_i32x4_s(clampedInt4(f32x4.mul(inverse, v), low, high));
    v128.store(w + at, weight);
    v128.store(wx + at, weighted);
    v128.store(l + at, code);
    sumlx = f32x4.add(sumlx, f32x4.mul(weighted, code));
    suml2 = f32x4.add(suml2, f32x4.mul(f32x4.mul(weight, code), code));
  }
  for (let pass = 0; pass < 5; pass++) {
    let changed = zero;
    for (let at: usize = 0; at < end; at += 16) {
      const weight = v128.load(w + at);
      const weighted = v128.load(wx + at);
      const old = v128.load(l + at);
      const slx = f32x4.sub(sumlx, f32x4.mul(weighted, old));
      const sl2 = f32x4.sub(suml2, f32x4.mul(f32x4.mul(weight, old), old));
      const ratio = f32x4.div(f32x4.mul(v128.load(x + at), sl2), slx);
      const code = f32x4.convert_i32x4_s(clampedInt4(ratio, low, high));
      const moved = v128.andnot(v128.and(f32x4.ne(code, old), f32x4.gt(slx, zero)), none);
      if (!v128.any_true(moved)) continue;
      const newlx = f32x4.add(slx, f32x4.mul(weighted, code));
      const newl2 = f32x4.add(sl2, f32x4.mul(f32x4.mul(weight, code), code));
      const larger = f32x4.gt(f32x4.mul(f32x4.mul(newlx, newlx), suml2), f32x4.mul(f32x4.mul(sumlx, sumlx), newl2));
      const take = v128.and(v128.and(moved, larger), f32x4.gt(newl2, zero));
      if (!v128.any_true(take)) continue;
      v128.store(l + at, v128.bitselect(code, old, take));
      sumlx = v128.bitselect(newlx, sumlx, take);
      suml2 = v128.bitselect(newl2, suml2, take);
      changed = v128.or(changed, take);
    }
    if (!v128.any_true(changed)) break;
  }
  const used = v128.andnot(f32x4.gt(suml2, zero), none);
  v128.store(fit, v128.and(f32x4.div(sumlx, suml2), used), FIT_SCALE);
  return i32x4.bitmask(none);
}

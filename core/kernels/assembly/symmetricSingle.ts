// The search of make_qx_quants for a single run of values: SIMD lanes carry candidates instead of sub-blocks.

import { FIT_INVERSE, FIT_SCALE } from './affineFit';
import { GROUP_MAX_EPS } from './makeQpQuants';
import { clampedInt4 } from './nearestInt';
import { FIT_ZERO } from './symmetricFit';

/** The first guess, then −9…9 tenths without 0, and one repeated to fill the last vector. */
// @ts-ignore: decorator
@inline const CANDIDATES: i32 = 19;
// @ts-ignore: decorator
@inline const PADDED: usize = 80;

const INVERSE: usize = memory.data(80, 16);
const SUMLX: usize = memory.data(80, 16);
const SUML2: usize = memory.data(80, 16);

/**
 * Exact for any input, non-finite ones included.
 * @param stride  bytes from one value, and one weight, to the next
 * @param fit     FIT_SCALE, FIT_INVERSE and FIT_ZERO of one sub-block
 */
export function fitSymmetric(x: usize, w: usize, stride: usize, n: i32, nmax: i32, fit: usize): void {
  const end = <usize>n * stride;
  let amax: f32 = 0;
  let most: f32 = 0;
  for (let at: usize = 0; at < end; at += stride) {
    const v = load<f32>(x + at);
    if (abs<f32>(v) > amax) {
      amax = abs<f32>(v);
      most = v;
    }
  }
  store<f32>(fit, 0, FIT_SCALE);
  store<f32>(fit, 0, FIT_INVERSE);
  store<f32>(fit, 0, FIT_ZERO);
  if (amax < GROUP_MAX_EPS) return;
  for (let k = 0; k <= CANDIDATES; k++) {
    const tenths = k == 0 ? 0 : k < 10 ? k - 10 : k - 9;
    store<f32>(INVERSE + ((<usize>k) << 2), -(<f32>nmax + <f32>0.1 * <f32>tenths) / most);
  }
  for (let candidate: usize = 0; candidate < PADDED; candidate += 16) {
    sums4(x, w, stride, end, nmax, candidate);
  }
  let kept: usize = 0;
  let scale: f32 = load<f32>(SUML2) != 0 ? load<f32>(SUMLX) / load<f32>(SUML2) : 0;
  let best = scale * load<f32>(SUMLX);
  for (let candidate: usize = 4; candidate < <usize>CANDIDATES << 2; candidate += 4) {
    const sumlx = load<f32>(SUMLX + candidate);
    const suml2 = load<f32>(SUML2 + candidate);
    if (suml2 > 0 && sumlx * sumlx > best * suml2) {
      kept = candidate;
      scale = sumlx / suml2;
      best = scale * sumlx;
    }
  }
  store<f32>(fit, scale, FIT_SCALE);
  store<f32>(fit, load<f32>(INVERSE + kept), FIT_INVERSE);
  store<f32>(fit, <f32>nmax, FIT_ZERO);
}

// @ts-ignore: decorator
@inline
function sums4(x: usize, w: usize, stride: usize, end: usize, nmax: i32, candidate: usize): void {
  const inverse = v128.load(INVERSE + candidate);
  const low = i32x4.splat(-nmax);
  const high = i32x4.splat(nmax - 1);
  let sumlx = f32x4.splat(0);
  let suml2 = sumlx;
  for (let at: usize = 0; at < end; at += stride) {
    const v = load<f32>(x + at);
    const weight = load<f32>(w + at);
    const code = f32x4.convert_i32x4_s(clampedInt4(f32x4.mul(inverse, f32x4.splat(v)), low, high));
    sumlx = f32x4.add(sumlx, f32x4.mul(f32x4.splat(weight * v), code));
    suml2 = f32x4.add(suml2, f32x4.mul(f32x4.mul(f32x4.splat(weight), code), code));
  }
  v128.store(SUMLX + candidate, sumlx);
  v128.store(SUML2 + candidate, suml2);
}

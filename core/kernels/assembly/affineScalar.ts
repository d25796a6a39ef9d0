// The affine search of one lane in plain scalar code, for inputs whose scaled values leave the range of nearest_int.

import { affineCode, FIT_INVERSE, FIT_MIN, FIT_SCALE, FIT_SHIFT, FIT_WEIGHT } from './affineFit';
import { clampedInt } from './nearestInt';

/** As `fitLanes`, for the lane that x, w, l and fit point at. */
export function fitOneLane(
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
  let low = load<f32>(x);
  let high = low;
  let sumW = load<f32>(w);
  let sumX = sumW * low;
  for (let at: usize = 16; at < end; at += 16) {
    const v = load<f32>(x + at);
    if (v < low) low = v;
    if (v > high) high = v;
    sumW += load<f32>(w + at);
    sumX += load<f32>(w + at) * v;
  }
  if (low > 0) low = 0;
  store<f32>(fit, sumW, FIT_WEIGHT);
  store<f32>(fit, 0, FIT_SCALE);
  store<f32>(fit, -low, FIT_MIN);
  store<f32>(fit, 0, FIT_INVERSE);
  store<f32>(fit, low, FIT_SHIFT);
  if (high == low) return;

  let inverse = <f32>nmax / (high - low);
  let scale: f32 = 1 / inverse;
  for (let at: usize = 0; at < end; at += 16) {
    store<f32>(l + at, <f32>clampedInt(inverse * (load<f32>(x + at) - low), 0, nmax));
  }
  let best = errorOfLane(x, w, l, end, scale, low, absolute);
  // An infinite inverse rounds every value to code 0, whatever the candidates' clamping would make of it.
  store<f32>(fit, inverse == Infinity ? 0 : inverse, FIT_INVERSE);
  for (let step = 0; step <= steps; step++) {
    inverse = (rmin + rdelta * <f32>step + <f32>nmax) / (high - low);
    let sumL: f32 = 0;
    let sumL2: f32 = 0;
    let sumXL: f32 = 0;
    for (let at: usize = 0; at < end; at += 16) {
      const v = load<f32>(x + at);
      const code = <f32>affineCode(inverse * (v - low), nmax, clampFirst);
      store<f32>(l + at, code);
      const wl = load<f32>(w + at) * code;
      sumL += wl;
      sumL2 += wl * code;
      sumXL += wl * v;
    }
    const determinant = sumW * sumL2 - sumL * sumL;
    if (!(determinant > 0)) continue;
    let triedScale = (sumW * sumXL - sumX * sumL) / determinant;
    let triedMin = (sumL2 * sumX - sumL * sumXL) / determinant;
    if (triedMin > 0) {
      triedMin = 0;
      triedScale = sumXL / sumL2;
    }
    const error = errorOfLane(x, w, l, end, triedScale, triedMin, absolute);
    if (error < best) {
      store<f32>(fit, inverse, FIT_INVERSE);
      store<f32>(fit, low, FIT_SHIFT);
      best = error;
      scale = triedScale;
      low = triedMin;
    }
  }
  store<f32>(fit, scale, FIT_SCALE);
  store<f32>(fit, -low, FIT_MIN);
}

function errorOfLane(x: usize, w: usize, l: usize, end: usize, scale: f32, low: f32, absolute: bool): f32 {
  let error: f32 = 0;
  for (let at: usize = 0; at < end; at += 16) {
    const difference = scale * load<f32>(l + at) + low - load<f32>(x + at);
    error += load<f32>(w + at) * (absolute ? abs<f32>(difference) : difference * difference);
  }
  return error;
}

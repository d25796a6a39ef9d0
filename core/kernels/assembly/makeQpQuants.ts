// ggml-quants.c `make_qp_quants`: one scale for a block's sub-block scales (or minimums), codes 0…nmax.

import { nearestInt } from './nearestInt';

/** Values below this count as zero (`GROUP_MAX_EPS`). */
// @ts-ignore: decorator
@inline export const GROUP_MAX_EPS: f32 = 1e-15;

/**
 * Tries nine inverse scales, then moves single codes while the normalized projection grows.
 * @param x, w   n floats and their weights
 * @param codes  n bytes
 * @returns the scale
 */
export function makeQpQuants(n: i32, nmax: i32, x: usize, w: usize, codes: usize): f32 {
  const end = (<usize>n) << 2;
  let most: f32 = 0;
  for (let at: usize = 0; at < end; at += 4) {
    const v = load<f32>(x + at);
    most = most > v ? most : v;
  }
  if (most < GROUP_MAX_EPS) {
    memory.fill(codes, 0, n);
    return 0;
  }
  let inverse = <f32>nmax / most;
  let scale: f32 = 1 / inverse;
  let best: f32 = 0;
  for (let at: usize = 0; at < end; at += 4) {
    const difference = load<f32>(x + at) - scale * <f32>(nearestInt(inverse * load<f32>(x + at)) & 0xff);
    best += load<f32>(w + at) * difference * difference;
  }
  for (let step = -4; step <= 4; step++) {
    if (step == 0) continue;
    const tried = (<f32>0.1 * <f32>step + <f32>nmax) / most;
    scale = 1 / tried;
    let error: f32 = 0;
    for (let at: usize = 0; at < end; at += 4) {
      const v = load<f32>(x + at);
      const difference = v - scale * <f32>min(nmax, nearestInt(tried * v));
      error += load<f32>(w + at) * difference * difference;
    }
    if (error < best) {
      best = error;
      inverse = tried;
    }
  }
  return descend(n, nmax, x, w, codes, inverse);
}

function descend(n: i32, nmax: i32, x: usize, w: usize, codes: usize, inverse: f32): f32 {
  let sumlx: f32 = 0;
  let suml2: f32 = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    const v = load<f32>(x + (i << 2));
    const weight = load<f32>(w + (i << 2));
    const code = min(nmax, nearestInt(inverse * v));
    store<u8>(codes + i, <u8>code);
    sumlx += weight * v * <f32>code;
    suml2 += weight * <f32>code * <f32>code;
  }
  for (let pass = 0; pass < 5; pass++) {
    let changed = false;
    for (let i: usize = 0; i < <usize>n; i++) {
      const v = load<f32>(x + (i << 2));
      const weight = load<f32>(w + (i << 2));
      const old = <i32>load<u8>(codes + i);
      let slx = sumlx - weight * v * <f32>old;
      let sl2 = suml2 - weight * <f32>old * <f32>old;
      if (!(slx > 0 && sl2 > 0)) continue;
      const code = min(nmax, nearestInt((v * sl2) / slx));
      if (code == old) continue;
      slx += weight * v * <f32>code;
      sl2 += weight * <f32>code * <f32>code;
      if (slx * slx * suml2 > sumlx * sumlx * sl2) {
        store<u8>(codes + i, <u8>code);
        sumlx = slx;
        suml2 = sl2;
        changed = true;
      }
    }
    if (!changed) break;
  }
  return suml2 > 0 ? sumlx / suml2 : 0;
}

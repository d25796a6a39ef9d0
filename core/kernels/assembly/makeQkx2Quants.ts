// ggml-quants.c `make_qkx2_quants` of eight sub-blocks at once; parameters as in affineLanes.ts.

import { fitLanes } from './affineLanes';

export function makeQkx2Quants(
  x: usize,
  w: usize,
  l: usize,
  n: i32,
  nmax: i32,
  rmin: f32,
  rdelta: f32,
  steps: i32,
  fit: usize,
): void {
  fitLanes(x, w, l, n, nmax, rmin, rdelta, steps, false, false, 2, fit);
}

/** With `use_mad`: weighted absolute errors decide. */
export function makeQkx2QuantsAbsolute(
  x: usize,
  w: usize,
  l: usize,
  n: i32,
  nmax: i32,
  rmin: f32,
  rdelta: f32,
  steps: i32,
  fit: usize,
): void {
  fitLanes(x, w, l, n, nmax, rmin, rdelta, steps, true, false, 2, fit);
}

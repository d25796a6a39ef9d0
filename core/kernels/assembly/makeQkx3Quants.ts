// ggml-quants.c `make_qkx3_quants` with the search every type asks for; parameters as in affineLanes.ts.

import { fitLanes } from './affineLanes';

/** Four sub-blocks. */
export function makeQkx3Quants(x: usize, w: usize, l: usize, n: i32, nmax: i32, fit: usize): void {
  fitLanes(x, w, l, n, nmax, -0.9, 0.05, 36, false, true, 1, fit);
}

/** Eight sub-blocks. */
export function makeQkx3Quants8(x: usize, w: usize, l: usize, n: i32, nmax: i32, fit: usize): void {
  fitLanes(x, w, l, n, nmax, -0.9, 0.05, 36, false, true, 2, fit);
}

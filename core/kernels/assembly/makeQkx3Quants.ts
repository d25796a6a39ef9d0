// ggml-quants.c `make_qkx3_quants` of four sub-blocks at once, with the search every type asks for.

import { fitLanes } from './affineLanes';

export function makeQkx3Quants(x: usize, w: usize, l: usize, n: i32, nmax: i32, fit: usize): void {
  fitLanes(x, w, l, n, nmax, -0.9, 0.05, 36, false, true, fit);
}

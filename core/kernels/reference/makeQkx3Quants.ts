// ggml-quants.c `make_qkx3_quants`: as make_qkx2_quants with a longer search, used when importance weights are given.

import { type AffineFit, type AffineSearch, fitScaleAndMin } from './fitScaleAndMin.ts';
import { clampedInt, nearestInt } from './nearestInt.ts';

/** The fitted minimum can come close to the maximum, so a candidate is clamped before it is rounded. */
export function makeQkx3Quants(x: Float32Array, weights: Float32Array, search: AffineSearch): AffineFit {
  const { nmax } = search;
  const code = (v: number): number => (v > 0 ? nearestInt(Math.min(v, nmax)) : 0);
  return fitScaleAndMin(x, weights, search, code, (v) => clampedInt(v, 0, nmax));
}

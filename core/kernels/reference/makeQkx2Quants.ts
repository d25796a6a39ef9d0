// ggml-quants.c `make_qkx2_quants`: scale and minimum of one sub-block without importance weights from data.

import { type AffineFit, type AffineSearch, fitScaleAndMin } from './fitScaleAndMin.ts';
import { clampedInt } from './nearestInt.ts';

export function makeQkx2Quants(x: Float32Array, weights: Float32Array, search: AffineSearch): AffineFit {
  const code = (v: number): number => clampedInt(v, 0, search.nmax);
  return fitScaleAndMin(x, weights, search, code, code);
}

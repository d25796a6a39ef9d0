// ggml-quants.c `make_qx_quants`: the best symmetric scale of one sub-block, x ≈ scale · (code − nmax).

import { at } from './at.ts';
import { clampedInt } from './nearestInt.ts';

const f = Math.fround;

/** Sub-blocks whose largest magnitude is below this count as zero (`GROUP_MAX_EPS`). */
export const GROUP_MAX_EPS = f(1e-15);

export interface SymmetricFit {
  readonly scale: number;
  /** 0…2 nmax − 1; all 0 for a zero sub-block. */
  readonly codes: Uint8Array;
}

/**
 * Tries nineteen inverse scales around −nmax / (value of largest magnitude) and keeps the one with the largest
 * weighted projection; ties keep the earlier one.
 * @param weights importance of each element, or null for x²  (rmse_type 1)
 */
export function makeQxQuants(x: Float32Array, weights: Float32Array | null, nmax: number): SymmetricFit {
  let amax = 0;
  let max = 0;
  for (const v of x) {
    if (Math.abs(v) > amax) {
      amax = Math.abs(v);
      max = v;
    }
  }
  if (amax < GROUP_MAX_EPS) return { scale: 0, codes: new Uint8Array(x.length) };
  const first = sums(x, weights, nmax, f(-nmax / max));
  let kept = first.inverse;
  let scale = first.suml2 !== 0 ? f(first.sumlx / first.suml2) : 0;
  let best = f(scale * first.sumlx);
  for (let k = -9; k <= 9; k++) {
    if (k === 0) continue;
    const { inverse, sumlx, suml2 } = sums(x, weights, nmax, f(-f(nmax + f(f(0.1) * k)) / max));
    if (suml2 > 0 && f(sumlx * sumlx) > f(best * suml2)) {
      kept = inverse;
      scale = f(sumlx / suml2);
      best = f(scale * sumlx);
    }
  }
  return { scale, codes: Uint8Array.from(x, (v) => nmax + clampedInt(f(kept * v), -nmax, nmax - 1)) };
}

function sums(x: Float32Array, weights: Float32Array | null, nmax: number, inverse: number) {
  let sumlx = 0;
  let suml2 = 0;
  for (let i = 0; i < x.length; i++) {
    const v = at(x, i);
    const l = clampedInt(f(inverse * v), -nmax, nmax - 1);
    const w = weights === null ? f(v * v) : at(weights, i);
    sumlx = f(sumlx + f(f(w * v) * l));
    suml2 = f(suml2 + f(f(w * l) * l));
  }
  return { inverse, sumlx, suml2 };
}

// ggml-quants.c `make_qp_quants`: one scale for a block's non-negative sub-block scales (or minimums).

import { at } from './at.ts';
import { GROUP_MAX_EPS, type SymmetricFit } from './makeQxQuants.ts';
import { nearestInt } from './nearestInt.ts';

const f = Math.fround;
const PASSES = 5;

/** x ≈ scale · code, code ∈ 0…nmax: nine inverse scales are tried, then coordinate descent over the codes. */
export function makeQpQuants(x: Float32Array, weights: Float32Array, nmax: number): SymmetricFit {
  const codes = new Uint8Array(x.length);
  let max = 0;
  for (const v of x) if (!(max > v)) max = v; // C's MAX: a NaN stays only if it is last
  if (max < GROUP_MAX_EPS) return { scale: 0, codes };
  let inverse = f(nmax / max);
  const initial = inverse;
  let best = squaredError(x, weights, f(1 / initial), (v) => nearestInt(f(initial * v)) & 0xff);
  for (let k = -4; k <= 4; k++) {
    if (k === 0) continue;
    const tried = f(f(f(f(0.1) * k) + nmax) / max);
    const error = squaredError(x, weights, f(1 / tried), (v) => Math.min(nmax, nearestInt(f(tried * v))));
    if (error < best) {
      best = error;
      inverse = tried;
    }
  }
  let sumlx = 0;
  let suml2 = 0;
  for (let i = 0; i < x.length; i++) {
    const l = Math.min(nmax, nearestInt(f(inverse * at(x, i))));
    codes[i] = l;
    sumlx = f(sumlx + f(f(at(weights, i) * at(x, i)) * l));
    suml2 = f(suml2 + f(f(at(weights, i) * l) * l));
  }
  for (let pass = 0; pass < PASSES; pass++) {
    let changed = false;
    for (let i = 0; i < x.length; i++) {
      const v = at(x, i);
      const w = at(weights, i);
      const old = at(codes, i);
      let slx = f(sumlx - f(f(w * v) * old));
      let sl2 = f(suml2 - f(f(w * old) * old));
      if (!(slx > 0 && sl2 > 0)) continue;
      const level = Math.min(nmax, nearestInt(f(f(v * sl2) / slx)));
      if (level === old) continue;
      slx = f(slx + f(f(w * v) * level));
      sl2 = f(sl2 + f(f(w * level) * level));
      if (f(f(slx * slx) * suml2) > f(f(sumlx * sumlx) * sl2)) {
        codes[i] = level;
        sumlx = slx;
        suml2 = sl2;
        changed = true;
      }
    }
    if (!changed) break;
  }
  return { scale: suml2 > 0 ? f(sumlx / suml2) : 0, codes };
}

function squaredError(x: Float32Array, weights: Float32Array, scale: number, code: (v: number) => number): number {
  let error = 0;
  x.forEach((v, i) => {
    const difference = f(v - f(scale * code(v)));
    error = f(error + f(f(at(weights, i) * difference) * difference));
  });
  return error;
}

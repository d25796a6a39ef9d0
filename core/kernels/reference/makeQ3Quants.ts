// ggml-quants.c `make_q3_quants`: symmetric scale of one sub-block by coordinate descent over the codes.

import { at } from './at.ts';
import { GROUP_MAX_EPS, type SymmetricFit } from './makeQxQuants.ts';
import { clampedInt } from './nearestInt.ts';

const f = Math.fround;
const PASSES = 5;

/** Squared-value weights; each code in turn moves to its best level while the normalized projection grows. */
export function makeQ3Quants(x: Float32Array, nmax: number): SymmetricFit {
  let amax = 0;
  let max = 0;
  for (const v of x) {
    if (Math.abs(v) > amax) {
      amax = Math.abs(v);
      max = v;
    }
  }
  if (amax < GROUP_MAX_EPS) return { scale: 0, codes: new Uint8Array(x.length) };
  const inverse = f(-nmax / max);
  const codes = Int8Array.from(x, (v) => clampedInt(f(inverse * v), -nmax, nmax - 1));
  let sumlx = 0;
  let suml2 = 0;
  x.forEach((v, i) => {
    const w = f(v * v);
    sumlx = f(sumlx + f(f(w * v) * at(codes, i)));
    suml2 = f(suml2 + f(f(w * at(codes, i)) * at(codes, i)));
  });
  for (let pass = 0; pass < PASSES; pass++) {
    let changed = false;
    x.forEach((v, i) => {
      const w = f(v * v);
      const old = at(codes, i);
      let slx = f(sumlx - f(f(w * v) * old));
      if (!(slx > 0)) return;
      let sl2 = f(suml2 - f(f(w * old) * old));
      const level = clampedInt(f(f(v * sl2) / slx), -nmax, nmax - 1);
      if (level === old) return;
      slx = f(slx + f(f(w * v) * level));
      sl2 = f(sl2 + f(f(w * level) * level));
      if (sl2 > 0 && f(f(slx * slx) * suml2) > f(f(sumlx * sumlx) * sl2)) {
        codes[i] = level;
        sumlx = slx;
        suml2 = sl2;
        changed = true;
      }
    });
    if (!changed) break;
  }
  return { scale: suml2 > 0 ? f(sumlx / suml2) : 0, codes: Uint8Array.from(codes, (l) => l + nmax) };
}

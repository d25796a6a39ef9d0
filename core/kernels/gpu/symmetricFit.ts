// x ≈ scale · (code − nmax), searched on the GPU: reference/makeQxQuants.ts and makeQ3Quants.ts in WGSL.

import { GROUP_MAX_EPS } from '../reference/makeQxQuants.ts';
import { literal } from './float32.ts';
import { itemKernel, type Passes, type Words } from './passes.ts';

/** Of every part of a matrix. */
export interface SymmetricFits {
  /** One float32 a part. */
  readonly scales: Words;
  /** One byte a value. */
  readonly codes: Words;
}

/** Parts (and scales) whose largest magnitude is below this count as zero. */
export const TINY = literal(GROUP_MAX_EPS);

/** Nineteen inverse scales around −nmax / (value of largest magnitude), that one first. */
const SEARCH = itemKernel(
  'symmetric fit',
  { reads: ['values', 'importance'], writes: ['scales', 'codes'], sizes: ['size', 'nmax'] },
  /* wgsl */ `
var<private> x: array<u32, 32>;
var<private> w: array<u32, 32>;

fn item(i: u32) {
  let size = sizes.size;
  let nmax = i32(sizes.nmax);
  var most = 0u;
  for (var j = 0u; j < size; j++) {
    x[j] = values[i * size + j];
    w[j] = importance[i * size + j];
    if (fLess(fAbs(most), fAbs(x[j]))) { most = x[j]; }
  }
  var scale = 0u;
  var kept = array<u32, 8>();
  if (!fLess(fAbs(most), ${TINY})) {
    var keptInverse = 0u;
    var best = 0u;
    for (var turn = 0; turn < 19; turn++) {
      let k = select(turn - 9 - i32(turn < 10), 0, turn == 0);
      let inverse = fDiv(fAdd(fFromInt(nmax), fMul(${literal(0.1)}, fFromInt(k))) ^ F_SIGN, most);
      var sumLX = 0u;
      var sumL2 = 0u;
      for (var j = 0u; j < size; j++) {
        let l = fFromInt(clampedInt(fMul(inverse, x[j]), -nmax, nmax - 1));
        sumLX = fAdd(sumLX, fMul(fMul(w[j], x[j]), l));
        sumL2 = fAdd(sumL2, fMul(fMul(w[j], l), l));
      }
      if (turn == 0 || (fLess(0u, sumL2) && fLess(fMul(best, sumL2), fMul(sumLX, sumLX)))) {
        keptInverse = inverse;
        scale = select(fDiv(sumLX, sumL2), 0u, fZero(sumL2));
        best = fMul(scale, sumLX);
      }
    }
    for (var j = 0u; j < size; j++) {
      let code = nmax + clampedInt(fMul(keptInverse, x[j]), -nmax, nmax - 1);
      kept[j >> 2u] |= u32(code) << (8u * (j & 3u));
    }
  }
  scales[i] = scale;
  for (var word = 0u; word < size / 4u; word++) { codes[i * size / 4u + word] = kept[word]; }
}`,
);

/**
 * make_qx_quants, codes 0 … 2 nmax − 1; all 0 for a zero part.
 * @param size values of a part: 16 or 32
 */
export function fitSymmetric(
  passes: Passes,
  values: Words,
  importance: Words,
  size: 16 | 32,
  nmax: number,
): SymmetricFits {
  const fits = { scales: passes.make(values.length / size), codes: passes.make(values.length / 4) };
  passes.add(SEARCH, fits.scales.length, [values, importance, fits.scales, fits.codes], [size, nmax]);
  return fits;
}

/** Each code in turn moves to its best level while the projection grows; of 16 values, weighed by their squares. */
const DESCENT = itemKernel(
  'symmetric fit by descent',
  { reads: ['values'], writes: ['scales', 'codes'] },
  /* wgsl */ `
fn item(i: u32) {
  var x: array<u32, 16>;
  var l: array<i32, 16>;
  var most = 0u;
  for (var j = 0u; j < 16u; j++) {
    x[j] = values[i * 16u + j];
    if (fLess(fAbs(most), fAbs(x[j]))) { most = x[j]; }
  }
  var scale = 0u;
  var kept = array<u32, 4>();
  if (!fLess(fAbs(most), ${TINY})) {
    let inverse = fDiv(fFromInt(-4), most);
    var sumLX = 0u;
    var sumL2 = 0u;
    // The first turn rounds, the other five descend.
    for (var turn = 0; turn < 6; turn++) {
      var changed = false;
      for (var j = 0u; j < 16u; j++) {
        let w = fMul(x[j], x[j]);
        let wx = fMul(w, x[j]);
        let old = fFromInt(l[j]);
        var lx = sumLX;
        var l2 = sumL2;
        if (turn > 0) {
          lx = fSub(lx, fMul(wx, old));
          l2 = fSub(l2, fMul(fMul(w, old), old));
          if (!fLess(0u, lx)) { continue; }
        }
        let v = select(fDiv(fMul(x[j], l2), lx), fMul(inverse, x[j]), turn == 0);
        let level = clampedInt(v, -4, 3);
        if (turn > 0 && level == l[j]) { continue; }
        lx = fAdd(lx, fMul(wx, fFromInt(level)));
        l2 = fAdd(l2, fMul(fMul(w, fFromInt(level)), fFromInt(level)));
        let grows = fLess(0u, l2) && fLess(fMul(fMul(sumLX, sumLX), l2), fMul(fMul(lx, lx), sumL2));
        if (turn > 0 && !grows) { continue; }
        l[j] = level;
        sumLX = lx;
        sumL2 = l2;
        changed = true;
      }
      if (!changed) { break; }
    }
    scale = select(0u, fDiv(sumLX, sumL2), fLess(0u, sumL2));
    for (var j = 0u; j < 16u; j++) { kept[j >> 2u] |= u32(l[j] + 4) << (8u * (j & 3u)); }
  }
  scales[i] = scale;
  for (var word = 0u; word < 4u; word++) { codes[i * 4u + word] = kept[word]; }
}`,
);

/** make_q3_quants of parts of 16: codes 0 … 7; all 0 for a zero part. */
export function fitByDescent(passes: Passes, values: Words): SymmetricFits {
  const fits = { scales: passes.make(values.length / 16), codes: passes.make(values.length / 4) };
  passes.add(DESCENT, fits.scales.length, [values, fits.scales, fits.codes]);
  return fits;
}

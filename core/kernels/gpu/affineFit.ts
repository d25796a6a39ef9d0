// x ≈ scale · code + min with min ≤ 0, searched on the GPU: reference/fitScaleAndMin.ts in WGSL.

import type { AffineSearch } from '../reference/fitScaleAndMin.ts';
import { floatBits } from './float32.ts';
import { itemKernel, type Passes, type Words } from './passes.ts';

/** Of every part of a matrix. */
export interface AffineFits {
  /** One float32 a part. */
  readonly scales: Words;
  /** Minus the fitted minimum, one float32 a part. */
  readonly mins: Words;
  /** One byte a value. */
  readonly codes: Words;
}

/** Candidate −1 is the range itself; a fitted minimum moves the range of the candidates after it. */
const FIT = itemKernel(
  'affine fit',
  {
    reads: ['values', 'importance'],
    writes: ['scales', 'mins', 'codes'],
    sizes: ['size', 'nmax', 'rmin', 'rdelta', 'steps', 'absolute', 'clampFirst'],
  },
  /* wgsl */ `
var<private> x: array<u32, 32>;
var<private> w: array<u32, 32>;

fn item(i: u32) {
  let size = sizes.size;
  let nmax = i32(sizes.nmax);
  let levels = fFromInt(nmax);
  var least = values[i * size];
  var most = least;
  var sumW = 0u;
  var sumX = 0u;
  for (var j = 0u; j < size; j++) {
    x[j] = values[i * size + j];
    w[j] = importance[i * size + j];
    let wx = fMul(w[j], x[j]);
    if (fLess(x[j], least)) { least = x[j]; }
    if (fLess(most, x[j])) { most = x[j]; }
    sumW = select(fAdd(sumW, w[j]), w[j], j == 0u);
    sumX = select(fAdd(sumX, wx), wx, j == 0u);
  }
  if (fLess(0u, least)) { least = 0u; }
  var scale = 0u;
  var kept = array<u32, 8>();
  let constant = (most == least && fAbs(most) <= F_INFINITY) || fZero(most | least);
  if (!constant) {
    var best = 0u;
    for (var k = -1; k <= i32(sizes.steps); k++) {
      let widened = fAdd(fAdd(sizes.rmin, fMul(sizes.rdelta, fFromInt(k))), levels);
      let inverse = fDiv(select(widened, levels, k < 0), fSub(most, least));
      var tried = array<u32, 8>();
      var sumL = 0u;
      var sumL2 = 0u;
      var sumXL = 0u;
      for (var j = 0u; j < size; j++) {
        var v = fMul(inverse, fSub(x[j], least));
        // Importance from data clamps before it rounds: a fitted minimum can come close to the maximum.
        if (sizes.clampFirst == 1u && k >= 0) { v = select(0u, select(v, levels, fLess(levels, v)), fLess(0u, v)); }
        let code = clampedInt(v, 0, nmax);
        tried[j >> 2u] |= u32(code) << (8u * (j & 3u));
        let l = fFromInt(code);
        let wl = fMul(w[j], l);
        sumL = fAdd(sumL, wl);
        sumL2 = fAdd(sumL2, fMul(wl, l));
        sumXL = fAdd(sumXL, fMul(wl, x[j]));
      }
      var triedScale = vec2u(ONE, inverse); // the two of a quotient
      var triedLeast = least;
      if (k >= 0) {
        // Normal equations by Cramer's rule: a · b − c · d thrice.
        var a = array(sumW, sumW, sumL2);
        var b = array(sumL2, sumXL, sumX);
        var c = array(sumL, sumX, sumL);
        var d = array(sumL, sumL, sumXL);
        for (var t = 0u; t < 3u; t++) { a[t] = fSub(fMul(a[t], b[t]), fMul(c[t], d[t])); }
        if (!fLess(0u, a[0])) { continue; }
        triedLeast = fDiv(a[2], a[0]);
        triedScale = vec2u(a[1], a[0]);
        if (fLess(0u, triedLeast)) {
          triedLeast = 0u;
          triedScale = vec2u(sumXL, sumL2);
        }
      }
      let step = fDiv(triedScale.x, triedScale.y);
      var error = 0u;
      for (var j = 0u; j < size; j++) {
        let code = (tried[j >> 2u] >> (8u * (j & 3u))) & 255u;
        let difference = fSub(fAdd(fMul(step, fFromInt(i32(code))), triedLeast), x[j]);
        error = fAdd(error, fMul(w[j], select(fMul(difference, difference), fAbs(difference), sizes.absolute == 1u)));
      }
      if (k < 0 || fLess(error, best)) {
        best = error;
        scale = step;
        least = triedLeast;
        kept = tried;
      }
    }
  }
  scales[i] = scale;
  mins[i] = least ^ F_SIGN;
  for (var word = 0u; word < size / 4u; word++) { codes[i * size / 4u + word] = kept[word]; }
}`,
);

/**
 * @param size       values of a part: 16 or 32
 * @param clampFirst make_qkx3_quants; else make_qkx2_quants
 */
export function fitAffine(
  passes: Passes,
  values: Words,
  importance: Words,
  size: 16 | 32,
  { nmax, rmin, rdelta, steps, absolute }: AffineSearch,
  clampFirst: boolean,
): AffineFits {
  const parts = values.length / size;
  const [scales, mins] = [passes.make(parts), passes.make(parts)];
  const codes = passes.make(values.length / 4);
  const search = [nmax, floatBits(rmin), floatBits(rdelta), steps, absolute ? 1 : 0, clampFirst ? 1 : 0];
  passes.add(FIT, parts, [values, importance, scales, mins, codes], [size, ...search]);
  return { scales, mins, codes };
}

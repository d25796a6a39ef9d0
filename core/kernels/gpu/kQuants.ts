// Q4_K and Q6_K with importance weights or without: reference/quantizeQ4_K.ts and quantizeQ6_K.ts in WGSL.
//
// Every operation is float32.ts's, in the order of the reference: the bytes are the processor's, bit for bit.

import type { DType } from '../../tensor/dtype.ts';
import { type PackKernel, packKernel } from './packing.ts';

/** Bits of a number as float32. */
function bits(v: number): string {
  return `0x${(new Uint32Array(Float32Array.of(v).buffer)[0] ?? 0).toString(16)}u`;
}

/** Sub-blocks (and scales) below this count as zero: GROUP_MAX_EPS. */
const TINY = bits(1e-15);

const SHARED = /* wgsl */ `
const ONE = 0x3f800000u;
var<private> x: array<u32, 256>;
var<private> mixed: array<u32, 256>; // importance weights of the block's values
var<private> codes: array<u32, 256>;

fn clampedInt(v: u32, low: i32, high: i32) -> i32 { return clamp(nearestInt(v), low, high); }

fn loadBlock(first: u32) -> u32 {
  var squares = 0u;
  for (var i = 0u; i < 256u; i++) {
    x[i] = source(first + i);
    squares = fAdd(squares, fMul(x[i], x[i]));
  }
  return squares;
}

fn halfValue(h: u32) -> u32 {
  let sign = (h & 0x8000u) << 16u;
  let exponent = (h >> 10u) & 31u;
  if (exponent == 31u) { return select(sign | F_INFINITY, F_NAN, (h & 1023u) != 0u); }
  if (exponent > 0u) { return sign | ((exponent + 112u) << 23u) | ((h & 1023u) << 13u); }
  return sign | fMul(fFromInt(i32(h & 1023u)), ${bits(2 ** -24)});
}

/** Codes of one sub-block for the scale really stored; a scale of 0 keeps the codes of the search. */
fn requantize(start: u32, size: u32, d: u32, least: u32, low: i32, high: i32) {
  if ((d & ~F_SIGN) == 0u) { return; }
  for (var i = start; i < start + size; i++) {
    codes[i] = u32(clampedInt(fDiv(fAdd(x[i], least), d), low, high) - low);
  }
}`;

const AFFINE = /* wgsl */ `
struct AffineFit { scale: u32, least: u32 }

/** fitScaleAndMin: x ≈ scale · code + min for 32 values and their weights in mixed; returns −min. */
fn fitScaleAndMin(start: u32, nmax: i32, rmin: u32, rdelta: u32, steps: i32, weighted: bool) -> AffineFit {
  var least = x[start];
  var most = least;
  var sumW = mixed[start];
  var sumX = fMul(sumW, least);
  for (var i = start + 1u; i < start + 32u; i++) {
    if (fLess(x[i], least)) { least = x[i]; }
    if (fLess(most, x[i])) { most = x[i]; }
    sumW = fAdd(sumW, mixed[i]);
    sumX = fAdd(sumX, fMul(mixed[i], x[i]));
  }
  if (fLess(0u, least)) { least = 0u; }
  for (var i = start; i < start + 32u; i++) { codes[i] = 0u; }
  if (most == least || ((most | least) & ~F_SIGN) == 0u) { return AffineFit(0u, least ^ F_SIGN); }

  let levels = fFromInt(nmax);
  var inverse = fDiv(levels, fSub(most, least));
  var scale = fDiv(ONE, inverse);
  for (var i = start; i < start + 32u; i++) {
    codes[i] = u32(clampedInt(fMul(inverse, fSub(x[i], least)), 0, nmax));
  }
  var best = weightedError(start, scale, least);
  var kept = array<u32, 32>();
  for (var i = 0u; i < 32u; i++) { kept[i] = codes[start + i]; }
  for (var k = 0; k <= steps; k++) {
    inverse = fDiv(fAdd(fAdd(rmin, fMul(rdelta, fFromInt(k))), levels), fSub(most, least));
    var sumL = 0u;
    var sumL2 = 0u;
    var sumXL = 0u;
    for (var i = start; i < start + 32u; i++) {
      let v = fMul(inverse, fSub(x[i], least));
      // The weighted search clamps before it rounds: a fitted minimum can come close to the maximum.
      var code = 0;
      if (!weighted) { code = clampedInt(v, 0, nmax); }
      else if (fLess(0u, v)) { code = nearestInt(select(v, levels, fLess(levels, v))); }
      codes[i] = u32(code);
      let l = fFromInt(code);
      let wl = fMul(mixed[i], l);
      sumL = fAdd(sumL, wl);
      sumL2 = fAdd(sumL2, fMul(wl, l));
      sumXL = fAdd(sumXL, fMul(wl, x[i]));
    }
    let determinant = fSub(fMul(sumW, sumL2), fMul(sumL, sumL));
    if (!fLess(0u, determinant)) { continue; }
    var triedScale = fDiv(fSub(fMul(sumW, sumXL), fMul(sumX, sumL)), determinant);
    var triedLeast = fDiv(fSub(fMul(sumL2, sumX), fMul(sumL, sumXL)), determinant);
    if (fLess(0u, triedLeast)) {
      triedLeast = 0u;
      triedScale = fDiv(sumXL, sumL2);
    }
    let error = weightedError(start, triedScale, triedLeast);
    if (fLess(error, best)) {
      for (var i = 0u; i < 32u; i++) { kept[i] = codes[start + i]; }
      best = error;
      scale = triedScale;
      least = triedLeast;
    }
  }
  for (var i = 0u; i < 32u; i++) { codes[start + i] = kept[i]; }
  return AffineFit(scale, least ^ F_SIGN);
}

fn weightedError(start: u32, scale: u32, least: u32) -> u32 {
  var error = 0u;
  for (var i = start; i < start + 32u; i++) {
    let difference = fSub(fAdd(fMul(scale, fFromInt(i32(codes[i]))), least), x[i]);
    error = fAdd(error, fMul(mixed[i], fMul(difference, difference)));
  }
  return error;
}

var<private> fits: array<u32, 8>;
var<private> fitWeights: array<u32, 8>;
var<private> fitCodes: array<u32, 8>;

/** makeQpQuants with nmax 63: one scale for the eight values of fits, codes into fitCodes. */
fn makeQpQuants() -> u32 {
  let levels = fFromInt(63);
  var most = 0u;
  for (var j = 0u; j < 8u; j++) {
    if (!fLess(fits[j], most)) { most = fits[j]; }
    fitCodes[j] = 0u;
  }
  if (fLess(most, ${TINY})) { return 0u; }
  let initial = fDiv(levels, most);
  var inverse = initial;
  var best = qpError(initial, false);
  for (var k = -4; k <= 4; k++) {
    if (k == 0) { continue; }
    let tried = fDiv(fAdd(fMul(${bits(0.1)}, fFromInt(k)), levels), most);
    let error = qpError(tried, true);
    if (fLess(error, best)) {
      best = error;
      inverse = tried;
    }
  }
  var sumlx = 0u;
  var suml2 = 0u;
  for (var j = 0u; j < 8u; j++) {
    let code = min(63, nearestInt(fMul(inverse, fits[j])));
    fitCodes[j] = u32(code) & 255u;
    let l = fFromInt(code);
    sumlx = fAdd(sumlx, fMul(fMul(fitWeights[j], fits[j]), l));
    suml2 = fAdd(suml2, fMul(fMul(fitWeights[j], l), l));
  }
  for (var turn = 0; turn < 5; turn++) {
    var changed = false;
    for (var j = 0u; j < 8u; j++) {
      let w = fitWeights[j];
      let old = fFromInt(i32(fitCodes[j]));
      var slx = fSub(sumlx, fMul(fMul(w, fits[j]), old));
      var sl2 = fSub(suml2, fMul(fMul(w, old), old));
      if (!(fLess(0u, slx) && fLess(0u, sl2))) { continue; }
      let code = min(63, nearestInt(fDiv(fMul(fits[j], sl2), slx)));
      if (code == i32(fitCodes[j])) { continue; }
      let l = fFromInt(code);
      slx = fAdd(slx, fMul(fMul(w, fits[j]), l));
      sl2 = fAdd(sl2, fMul(fMul(w, l), l));
      if (fLess(fMul(fMul(sumlx, sumlx), sl2), fMul(fMul(slx, slx), suml2))) {
        fitCodes[j] = u32(code) & 255u;
        sumlx = slx;
        suml2 = sl2;
        changed = true;
      }
    }
    if (!changed) { break; }
  }
  return select(0u, fDiv(sumlx, suml2), fLess(0u, suml2));
}

fn qpError(inverse: u32, clamped: bool) -> u32 {
  let scale = fDiv(ONE, inverse);
  var error = 0u;
  for (var j = 0u; j < 8u; j++) {
    let nearest = nearestInt(fMul(inverse, fits[j]));
    let code = select(nearest & 255, min(63, nearest), clamped);
    let difference = fSub(fits[j], fMul(scale, fFromInt(code)));
    error = fAdd(error, fMul(fMul(fitWeights[j], difference), difference));
  }
  return error;
}

/** The unweighted way: the largest value becomes 63. */
fn largestQuants() -> u32 {
  var most = 0u;
  for (var j = 0u; j < 8u; j++) { if (fLess(most, fits[j])) { most = fits[j]; } }
  let inverse = select(0u, fDiv(fFromInt(63), most), fLess(0u, most));
  for (var j = 0u; j < 8u; j++) { fitCodes[j] = min(63u, u32(nearestInt(fMul(inverse, fits[j]))) & 255u); }
  return fDiv(most, fFromInt(63));
}`;

/** d f16 | dmin f16 | scales[12] | qs[128] */
const Q4_K = packKernel(
  'Q4_K',
  /* wgsl */ `${SHARED}${AFFINE}
fn packBlock(first: u32, at: u32) {
  let weighted = sizes.weighted == 1u;
  let squares = loadBlock(first);
  let sigma2 = fDiv(fMul(fFromInt(2), squares), fFromInt(256));
  var scales: array<u32, 8>;
  var leasts: array<u32, 8>;
  for (var j = 0u; j < 8u; j++) {
    var own = 0u;
    for (var i = 32u * j; i < 32u * j + 32u; i++) { own = fAdd(own, fMul(x[i], x[i])); }
    let average = fSqrt(fDiv(own, fFromInt(32)));
    fitWeights[j] = 0u;
    for (var i = 32u * j; i < 32u * j + 32u; i++) {
      if (weighted) { mixed[i] = fMul(columnWeight(first + i), fSqrt(fAdd(sigma2, fMul(x[i], x[i])))); }
      else { mixed[i] = fAdd(average, x[i] & ~F_SIGN); }
      fitWeights[j] = fAdd(fitWeights[j], mixed[i]);
    }
    let rmin = select(${bits(-1)}, ${bits(-0.9)}, weighted);
    let rdelta = select(${bits(0.1)}, ${bits(0.05)}, weighted);
    let fit = fitScaleAndMin(32u * j, 15, rmin, rdelta, select(20, 36, weighted), weighted);
    scales[j] = fit.scale;
    leasts[j] = fit.least;
  }
  // One loop and not two calls: drivers copy a function to wherever it is called.
  var halves: array<u32, 2>;
  for (var side = 0u; side < 2u; side++) {
    if (side == 0u) { fits = scales; } else { fits = leasts; }
    if (weighted) { halves[side] = halfBits(makeQpQuants()); } else { halves[side] = halfBits(largestQuants()); }
    if (side == 0u) { scales = fitCodes; } else { leasts = fitCodes; }
    put16(at + 2u * side, halves[side]);
  }
  // Weighted codes beyond 63 spill into their neighbours' bits, as in ggml; what was stored is what goes on.
  var stored: array<u32, 12>;
  for (var j = 0u; j < 4u; j++) {
    stored[j] = (scales[j] | ((scales[j + 4u] >> 4u) << 6u)) & 255u;
    stored[j + 4u] = (leasts[j] | ((leasts[j + 4u] >> 4u) << 6u)) & 255u;
    stored[j + 8u] = ((scales[j + 4u] & 15u) | ((leasts[j + 4u] & 15u) << 4u)) & 255u;
  }
  for (var j = 0u; j < 12u; j++) { put8(at + 4u + j, stored[j]); }
  for (var j = 0u; j < 8u; j++) {
    var scale = stored[j & 3u] & 63u;
    var least = stored[4u + (j & 3u)] & 63u;
    if (j >= 4u) {
      scale = (stored[4u + j] & 15u) | ((stored[j - 4u] >> 6u) << 4u);
      least = (stored[4u + j] >> 4u) | ((stored[j] >> 6u) << 4u);
    }
    let step = fMul(halfValue(halves[0]), fFromInt(i32(scale)));
    requantize(32u * j, 32u, step, fMul(halfValue(halves[1]), fFromInt(i32(least))), 0, 15);
  }
  for (var i = 0u; i < 128u; i++) {
    let low = 64u * (i >> 5u) + (i & 31u);
    put8(at + 16u + i, codes[low] | (codes[low + 32u] << 4u));
  }
}
`,
);

/** ql[128] | qh[64] | i8 scales[16] | d f16 */
const Q6_K = packKernel(
  'Q6_K',
  /* wgsl */ `${SHARED}
struct Sums { inverse: u32, sumlx: u32, suml2: u32 }

fn symmetricSums(start: u32, inverse: u32) -> Sums {
  var sums = Sums(inverse, 0u, 0u);
  for (var i = start; i < start + 16u; i++) {
    let l = fFromInt(clampedInt(fMul(inverse, x[i]), -32, 31));
    sums.sumlx = fAdd(sums.sumlx, fMul(fMul(mixed[i], x[i]), l));
    sums.suml2 = fAdd(sums.suml2, fMul(fMul(mixed[i], l), l));
  }
  return sums;
}

/** makeQxQuants with nmax 32 for 16 values: returns the scale. */
fn makeQxQuants(start: u32) -> u32 {
  var most = 0u;
  for (var i = start; i < start + 16u; i++) {
    if ((x[i] & ~F_SIGN) > (most & ~F_SIGN)) { most = x[i]; }
    codes[i] = 0u;
  }
  if ((most & ~F_SIGN) < ${TINY}) { return 0u; }
  let plain = symmetricSums(start, fDiv(fFromInt(-32), most));
  var kept = plain.inverse;
  var scale = select(fDiv(plain.sumlx, plain.suml2), 0u, (plain.suml2 & ~F_SIGN) == 0u);
  var best = fMul(scale, plain.sumlx);
  for (var k = -9; k <= 9; k++) {
    if (k == 0) { continue; }
    let shifted = fAdd(fFromInt(32), fMul(${bits(0.1)}, fFromInt(k)));
    let sums = symmetricSums(start, fDiv(shifted ^ F_SIGN, most));
    if (fLess(0u, sums.suml2) && fLess(fMul(best, sums.suml2), fMul(sums.sumlx, sums.sumlx))) {
      kept = sums.inverse;
      scale = fDiv(sums.sumlx, sums.suml2);
      best = fMul(scale, sums.sumlx);
    }
  }
  for (var i = start; i < start + 16u; i++) { codes[i] = u32(32 + clampedInt(fMul(kept, x[i]), -32, 31)); }
  return scale;
}

fn packBlock(first: u32, at: u32) {
  loadBlock(first);
  for (var i = 0u; i < 256u; i++) {
    if (sizes.weighted == 1u) { mixed[i] = columnWeight(first + i); } else { mixed[i] = fMul(x[i], x[i]); }
  }
  var scales: array<u32, 16>;
  var most = 0u;
  for (var j = 0u; j < 16u; j++) {
    scales[j] = makeQxQuants(16u * j);
    if (fLess(most & ~F_SIGN, scales[j] & ~F_SIGN)) { most = scales[j]; }
  }
  if (fLess(most & ~F_SIGN, ${TINY})) { return; }
  let inverse = fDiv(fFromInt(-128), most);
  let d = halfBits(fDiv(ONE, inverse));
  put16(at + 208u, d);
  for (var j = 0u; j < 16u; j++) {
    let code = (min(127, nearestInt(fMul(inverse, scales[j]))) << 24u) >> 24u;
    put8(at + 192u + j, u32(code));
    requantize(16u * j, 16u, fMul(halfValue(d), fFromInt(code)), 0u, -32, 31);
  }
  for (var h = 0u; h < 2u; h++) {
    for (var l = 0u; l < 32u; l++) {
      let q = 128u * h + l;
      put8(at + 64u * h + l, (codes[q] & 15u) | ((codes[q + 64u] & 15u) << 4u));
      put8(at + 64u * h + l + 32u, (codes[q + 32u] & 15u) | ((codes[q + 96u] & 15u) << 4u));
      let high = (codes[q] >> 4u) | ((codes[q + 32u] >> 4u) << 2u) | ((codes[q + 64u] >> 4u) << 4u) | ((codes[q + 96u] >> 4u) << 6u);
      put8(at + 128u + 32u * h + l, high);
    }
  }
}`,
);

export const K_QUANTS: Partial<Record<DType, PackKernel>> = { Q4_K, Q6_K };

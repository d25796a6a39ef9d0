// Scales of a super-block's parts as integers times one float: the second level of the K types, on the GPU.

import { floatBits, literal } from './float32.ts';
import { itemKernel, type Passes, type Words } from './passes.ts';
import { fitSymmetric, TINY } from './symmetricFit.ts';

/** Of every super-block. */
export interface ScaleCodes {
  /** One float32 a super-block, yet to be rounded to a half. */
  readonly d: Words;
  /** One byte a part. */
  readonly codes: Words;
}

const POSITIVE = itemKernel(
  'scale codes, searched',
  { reads: ['scales', 'importance'], writes: ['d', 'codes'], sizes: ['size', 'nmax'] },
  /* wgsl */ `
fn item(i: u32) {
  let size = sizes.size;
  let nmax = i32(sizes.nmax);
  let levels = fFromInt(nmax);
  var x: array<u32, 16>;
  var w: array<u32, 16>;
  var l: array<i32, 16>;
  var most = 0u;
  for (var j = 0u; j < size; j++) {
    x[j] = scales[i * size + j];
    w[j] = importance[i * size + j];
    if (!fLess(x[j], most)) { most = x[j]; } // a NaN stays only if it is last
  }
  if (fLess(most, ${TINY})) { return; } // zeros
  var inverse = 0u;
  var best = 0u;
  for (var turn = 0; turn < 9; turn++) {
    let k = select(turn - 4 - i32(turn < 5), 0, turn == 0);
    let tried = fDiv(fAdd(fMul(${literal(0.1)}, fFromInt(k)), levels), most);
    let step = fDiv(ONE, tried);
    var error = 0u;
    for (var j = 0u; j < size; j++) {
      let nearest = nearestInt(fMul(tried, x[j]));
      let code = select(min(nmax, nearest), nearest & 255, turn == 0);
      let difference = fSub(x[j], fMul(step, fFromInt(code)));
      error = fAdd(error, fMul(fMul(w[j], difference), difference));
    }
    if (turn == 0 || fLess(error, best)) {
      best = error;
      inverse = tried;
    }
  }
  var sumLX = 0u;
  var sumL2 = 0u;
  // The first turn rounds, the other five descend.
  for (var turn = 0; turn < 6; turn++) {
    var changed = false;
    for (var j = 0u; j < size; j++) {
      let wx = fMul(w[j], x[j]);
      let old = fFromInt(l[j]);
      var lx = sumLX;
      var l2 = sumL2;
      if (turn > 0) {
        lx = fSub(lx, fMul(wx, old));
        l2 = fSub(l2, fMul(fMul(w[j], old), old));
        if (!(fLess(0u, lx) && fLess(0u, l2))) { continue; }
      }
      let code = min(nmax, nearestInt(select(fDiv(fMul(x[j], l2), lx), fMul(inverse, x[j]), turn == 0)));
      if (turn > 0 && code == l[j]) { continue; }
      lx = fAdd(lx, fMul(wx, fFromInt(code)));
      l2 = fAdd(l2, fMul(fMul(w[j], fFromInt(code)), fFromInt(code)));
      if (turn > 0 && !fLess(fMul(fMul(sumLX, sumLX), l2), fMul(fMul(lx, lx), sumL2))) { continue; }
      l[j] = code & 255;
      sumLX = lx;
      sumL2 = l2;
      changed = true;
    }
    if (!changed) { break; }
  }
  d[i] = select(0u, fDiv(sumLX, sumL2), fLess(0u, sumL2));
  for (var j = 0u; j < size; j += 4u) {
    codes[(i * size + j) >> 2u] = u32(l[j] | (l[j + 1u] << 8u) | (l[j + 2u] << 16u) | (l[j + 3u] << 24u));
  }
}`,
);

/**
 * make_qp_quants: reference/makeQpQuants.ts.
 * @param size parts of a super-block: 8 or 16
 */
export function searchedCodes(
  passes: Passes,
  scales: Words,
  importance: Words,
  size: number,
  nmax: number,
): ScaleCodes {
  const out = makeCodes(passes, scales, size);
  passes.add(POSITIVE, out.d.length, [scales, importance, out.d, out.codes], [size, nmax]);
  return out;
}

const LARGEST = itemKernel(
  'scale codes by the largest',
  { reads: ['scales'], writes: ['d', 'codes'], sizes: ['size', 'nmax'] },
  /* wgsl */ `
fn item(i: u32) {
  let first = i * sizes.size;
  let levels = fFromInt(i32(sizes.nmax));
  var most = 0u;
  for (var j = 0u; j < sizes.size; j++) { if (fLess(most, scales[first + j])) { most = scales[first + j]; } }
  let inverse = select(0u, fDiv(levels, most), fLess(0u, most));
  d[i] = fDiv(most, levels);
  var word = 0u;
  for (var j = 0u; j < sizes.size; j++) {
    word |= (u32(nearestInt(fMul(inverse, scales[first + j]))) & 255u) << (8u * (j & 3u));
    if ((j & 3u) == 3u) {
      codes[(first + j) >> 2u] = word;
      word = 0u;
    }
  }
}`,
);

/** The largest becomes nmax. */
export function codesByLargest(passes: Passes, scales: Words, size: number, nmax: number): ScaleCodes {
  const out = makeCodes(passes, scales, size);
  passes.add(LARGEST, out.d.length, [scales, out.d, out.codes], [size, nmax]);
  return out;
}

const SIGNED = itemKernel(
  'scale codes by the largest magnitude',
  { reads: ['scales'], writes: ['d', 'codes'], sizes: ['zero', 'base'] },
  /* wgsl */ `
fn item(i: u32) {
  let base = i32(sizes.base);
  var most = 0u;
  for (var j = 0u; j < 16u; j++) {
    let scale = scales[i * 16u + j];
    if (fLess(fAbs(most), fAbs(scale))) { most = scale; }
  }
  let inverse = fDiv(fFromInt(-base), most);
  let empty = fLess(fAbs(most), sizes.zero);
  d[i] = select(fDiv(ONE, inverse), 0u, empty);
  var word = 0u;
  for (var j = 0u; j < 16u; j++) {
    let nearest = min(127, nearestInt(fMul(inverse, scales[i * 16u + j])));
    let code = clamp((nearest << 24u) >> 24u, -base, base - 1);
    word |= u32(base + code) << (8u * (j & 3u));
    if ((j & 3u) == 3u) {
      codes[(i * 16u + j) >> 2u] = select(word, 0u, empty);
      word = 0u;
    }
  }
}`,
);

/**
 * Sixteen scales of either sign; that of largest magnitude becomes −base. Codes are stored from −base on.
 * @param zero when all magnitudes are below it, d and what is stored are 0
 */
export function signedCodesByLargest(passes: Passes, scales: Words, zero: number, base: number): ScaleCodes {
  const out = makeCodes(passes, scales, 16);
  passes.add(SIGNED, out.d.length, [scales, out.d, out.codes], [floatBits(zero), base]);
  return out;
}

/** Sixteen scales of either sign, make_qx_quants; codes are stored from −base on. */
export function searchedSignedCodes(passes: Passes, scales: Words, importance: Words, base: number): ScaleCodes {
  const { scales: d, codes } = fitSymmetric(passes, scales, importance, 16, base);
  return { d, codes };
}

function makeCodes(passes: Passes, scales: Words, size: number): ScaleCodes {
  return { d: passes.make(scales.length / size), codes: passes.make(scales.length / 4) };
}

// Q4_1 and Q5_1 with importance weights: make_qkx3_quants of ggml-quants.c, bit for bit; without weights, roundQuants.
// A candidate starts from the minimum the previous one left, so four blocks of a row, not candidates, share a vector.

import { halfBits } from './half';
import { bytes16, integral4, nearest4, nibbles } from './quantCodes';
import { roundQ4_1, roundQ5_1, store5 } from './roundQuants';
import { importance4, meanSquare } from './rowImportance';

// @ts-ignore: decorator
@inline const FIRST_STEP: f32 = -0.9;
// @ts-ignore: decorator
@inline const STEP: f32 = 0.05;
// @ts-ignore: decorator
@inline const STEPS: i32 = 36;

const elements = memory.data(32 * 16, 16); // element j of four blocks at 16 j
const importance = memory.data(32 * 16, 16);
const tried = memory.data(32 * 16, 16); // codes of the candidate at hand, as floats
const fitScale = memory.data(16, 16); // results, one lane per block
const fitMin = memory.data(16, 16);
const codeInverse = memory.data(16, 16); // the codes are nearest(codeInverse · (x − codeMin))
const codeMin = memory.data(16, 16);

export function quantizeQ4_1(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  if (weights == 0) return roundQ4_1(src, dst, rows, columns);
  const blocks = columns >> 5;
  for (let row = 0; row < rows; row++) {
    const sigma2 = meanSquare(src, columns);
    for (let block = 0; block < blocks; block += 4) {
      const count = min<i32>(4, blocks - block);
      fitFour(src, weights + ((<usize>block) << 7), count, sigma2, 15);
      for (let k = 0; k < count; k++, src += 128, dst += 20) {
        storeScales(dst, k);
        v128.store(dst, nibbles(codes16(src, k, 15), codes16(src + 64, k, 15)), 4);
      }
    }
  }
}

export function quantizeQ5_1(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  if (weights == 0) return roundQ5_1(src, dst, rows, columns);
  const blocks = columns >> 5;
  for (let row = 0; row < rows; row++) {
    const sigma2 = meanSquare(src, columns);
    for (let block = 0; block < blocks; block += 4) {
      const count = min<i32>(4, blocks - block);
      fitFour(src, weights + ((<usize>block) << 7), count, sigma2, 31);
      for (let k = 0; k < count; k++, src += 128, dst += 24) {
        storeScales(dst, k);
        store5(dst + 4, codes16(src, k, 31), codes16(src + 64, k, 31));
      }
    }
  }
}

function storeScales(dst: usize, lane: usize): void {
  store<u16>(dst, <u16>halfBits(load<f32>(fitScale + (lane << 2))));
  store<u16>(dst, <u16>halfBits(load<f32>(fitMin + (lane << 2))), 2);
}

/** Clamped before rounding, so that an infinite scale (subnormal range) still gives a code; NaN gives 0. */
// @ts-ignore: decorator
@inline
function bounded4(v: v128, nmax: f32): v128 {
  return f32x4.pmin(f32x4.splat(nmax), f32x4.pmax(f32x4.splat(0), v));
}

function codes16(at: usize, lane: usize, nmax: f32): v128 {
  const inverse = v128.load32_splat(codeInverse + (lane << 2));
  const low = v128.load32_splat(codeMin + (lane << 2));
  return bytes16(
    integral4(bounded4(f32x4.mul(inverse, f32x4.sub(v128.load(at), low)), nmax)),
    integral4(bounded4(f32x4.mul(inverse, f32x4.sub(v128.load(at, 16), low)), nmax)),
    integral4(bounded4(f32x4.mul(inverse, f32x4.sub(v128.load(at, 32), low)), nmax)),
    integral4(bounded4(f32x4.mul(inverse, f32x4.sub(v128.load(at, 48), low)), nmax)),
  );
}

/** Fits scale and min of `count` ≤ 4 consecutive blocks; the missing ones repeat the last. */
function fitFour(src: usize, weights: usize, count: i32, sigma2: f32, nmax: f32): void {
  loadFour(src, weights, count, sigma2);
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  let low = v128.load(elements);
  let high = low;
  let sumW = v128.load(importance);
  let sumX = f32x4.mul(sumW, low);
  for (let i: usize = 16; i < 512; i += 16) {
    const x = v128.load(elements + i);
    const w = v128.load(importance + i);
    low = f32x4.pmin(low, x);
    high = f32x4.pmax(high, x);
    sumW = f32x4.add(sumW, w);
    sumX = f32x4.add(sumX, f32x4.mul(w, x));
  }
  low = f32x4.pmin(low, zero);
  const flat = f32x4.le(high, low);
  const start = low;

  const first = f32x4.div(f32x4.splat(nmax), f32x4.sub(high, low));
  let scale = f32x4.div(one, first);
  // nearest_int of infinity has the bits of a negative number: an infinite first scale gives codes 0.
  let bestInverse = v128.andnot(first, f32x4.eq(first, f32x4.splat(Infinity)));
  let bestMin = low;
  roundCodes(bestInverse, low, nmax);
  let best = weightedError(scale, low);

  for (let step = 0; step <= STEPS; step++) {
    const numerator = FIRST_STEP + STEP * <f32>step + nmax;
    const inverse = f32x4.div(f32x4.splat(numerator), f32x4.sub(high, low));
    let sumL = zero;
    let sumL2 = zero;
    let sumXL = zero;
    for (let i: usize = 0; i < 512; i += 16) {
      const x = v128.load(elements + i);
      const l = nearest4(bounded4(f32x4.mul(inverse, f32x4.sub(x, low)), nmax));
      v128.store(tried + i, l);
      const wl = f32x4.mul(v128.load(importance + i), l);
      sumL = f32x4.add(sumL, wl);
      sumL2 = f32x4.add(sumL2, f32x4.mul(wl, l));
      sumXL = f32x4.add(sumXL, f32x4.mul(wl, x));
    }
    const determinant = f32x4.sub(f32x4.mul(sumW, sumL2), f32x4.mul(sumL, sumL));
    let triedScale = f32x4.div(f32x4.sub(f32x4.mul(sumW, sumXL), f32x4.mul(sumX, sumL)), determinant);
    let triedMin = f32x4.div(f32x4.sub(f32x4.mul(sumL2, sumX), f32x4.mul(sumL, sumXL)), determinant);
    const positive = f32x4.gt(triedMin, zero);
    triedMin = v128.andnot(triedMin, positive);
    triedScale = v128.bitselect(f32x4.div(sumXL, sumL2), triedScale, positive);
    const error = weightedError(triedScale, triedMin);
    const better = v128.and(f32x4.gt(determinant, zero), f32x4.lt(error, best));
    bestInverse = v128.bitselect(inverse, bestInverse, better);
    bestMin = v128.bitselect(low, bestMin, better);
    best = v128.bitselect(error, best, better);
    scale = v128.bitselect(triedScale, scale, better);
    low = v128.bitselect(triedMin, low, better);
  }
  v128.store(fitScale, v128.andnot(scale, flat));
  v128.store(fitMin, v128.bitselect(start, low, flat));
  v128.store(codeInverse, v128.andnot(bestInverse, flat));
  v128.store(codeMin, bestMin);
}

/** Transposes four blocks and their importance, so that a vector holds element j of each. */
function loadFour(src: usize, weights: usize, count: i32, sigma2: f32): void {
  const last = (<usize>(count - 1)) << 7;
  const b = min<usize>(128, last);
  const c = min<usize>(256, last);
  const d = min<usize>(384, last);
  for (let i: usize = 0; i < 128; i += 16) {
    const x0 = v128.load(src + i);
    const x1 = v128.load(src + b + i);
    const x2 = v128.load(src + c + i);
    const x3 = v128.load(src + d + i);
    const w0 = importance4(x0, v128.load(weights + i), sigma2);
    const w1 = importance4(x1, v128.load(weights + b + i), sigma2);
    const w2 = importance4(x2, v128.load(weights + c + i), sigma2);
    const w3 = importance4(x3, v128.load(weights + d + i), sigma2);
    storeTransposed(elements + (i << 2), x0, x1, x2, x3);
    storeTransposed(importance + (i << 2), w0, w1, w2, w3);
  }
}

// @ts-ignore: decorator
@inline
function storeTransposed(at: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(at, v128.shuffle<f32>(ab0, cd0, 0, 1, 4, 5));
  v128.store(at, v128.shuffle<f32>(ab0, cd0, 2, 3, 6, 7), 16);
  v128.store(at, v128.shuffle<f32>(ab1, cd1, 0, 1, 4, 5), 32);
  v128.store(at, v128.shuffle<f32>(ab1, cd1, 2, 3, 6, 7), 48);
}

function roundCodes(inverse: v128, low: v128, nmax: f32): void {
  for (let i: usize = 0; i < 512; i += 16) {
    const scaled = f32x4.mul(inverse, f32x4.sub(v128.load(elements + i), low));
    v128.store(tried + i, nearest4(bounded4(scaled, nmax)));
  }
}

/** Σ w · (scale·code + min − x)² of the codes in `tried`, one sum per block. */
// @ts-ignore: decorator
@inline
function weightedError(scale: v128, low: v128): v128 {
  let error = f32x4.splat(0);
  for (let i: usize = 0; i < 512; i += 16) {
    const fitted = f32x4.add(f32x4.mul(scale, v128.load(tried + i)), low);
    const difference = f32x4.sub(fitted, v128.load(elements + i));
    error = f32x4.add(error, f32x4.mul(v128.load(importance + i), f32x4.mul(difference, difference)));
  }
  return error;
}

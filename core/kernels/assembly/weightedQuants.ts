// Q4_0, Q4_1, Q5_0 and Q5_1 with importance weights: quantize_row_q*_impl of ggml-quants.c, bit for bit.
// Without weights they round to nearest (roundQuants).

import { FIT_BYTES, FIT_INVERSE, FIT_MIN, FIT_SCALE, FIT_SHIFT } from './affineFit';
import { interleaveBlocks, meanSquare } from './fourBlocks';
import { halfBits, scaleBits } from './half';
import { makeQkx3Quants } from './makeQkx3Quants';
import { makeQxQuants } from './makeQxQuants';
import { bytes16, integral4, nibbles } from './quantCodes';
import { roundQ4_0, roundQ4_1, roundQ5_0, roundQ5_1, store5 } from './roundQuants';
import { LANES_L, LANES_W, LANES_X } from './superBlock';
import { FIT_ZERO } from './symmetricFit';

const FIT: usize = memory.data(FIT_BYTES, 16);

export function quantizeQ4_0(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  if (weights == 0) return roundQ4_0(src, dst, rows, columns);
  const blocks = columns >> 5;
  for (let row = 0; row < rows; row++) {
    const sigma2 = meanSquare(src, columns);
    for (let block = 0; block < blocks; block += 4) {
      const count = min<i32>(4, blocks - block);
      interleaveBlocks(src, weights + ((<usize>block) << 7), count, sigma2);
      makeQxQuants(LANES_X, LANES_W, LANES_L, 32, 8, FIT);
      for (let fit = FIT; fit < FIT + ((<usize>count) << 2); fit += 4, src += 128, dst += 18) {
        store<u16>(dst, <u16>scaleBits(load<f32>(fit, FIT_SCALE)));
        v128.store(dst, nibbles(symmetricCodes16(src, fit, 8), symmetricCodes16(src + 64, fit, 8)), 2);
      }
    }
  }
}

export function quantizeQ5_0(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  if (weights == 0) return roundQ5_0(src, dst, rows, columns);
  const blocks = columns >> 5;
  for (let row = 0; row < rows; row++) {
    const sigma2 = meanSquare(src, columns);
    for (let block = 0; block < blocks; block += 4) {
      const count = min<i32>(4, blocks - block);
      interleaveBlocks(src, weights + ((<usize>block) << 7), count, sigma2);
      makeQxQuants(LANES_X, LANES_W, LANES_L, 32, 16, FIT);
      for (let fit = FIT; fit < FIT + ((<usize>count) << 2); fit += 4, src += 128, dst += 22) {
        store<u16>(dst, <u16>scaleBits(load<f32>(fit, FIT_SCALE)));
        store5(dst + 2, symmetricCodes16(src, fit, 16), symmetricCodes16(src + 64, fit, 16));
      }
    }
  }
}

export function quantizeQ4_1(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  if (weights == 0) return roundQ4_1(src, dst, rows, columns);
  const blocks = columns >> 5;
  for (let row = 0; row < rows; row++) {
    const sigma2 = meanSquare(src, columns);
    for (let block = 0; block < blocks; block += 4) {
      const count = min<i32>(4, blocks - block);
      interleaveBlocks(src, weights + ((<usize>block) << 7), count, sigma2);
      makeQkx3Quants(LANES_X, LANES_W, LANES_L, 32, 15, FIT);
      for (let fit = FIT; fit < FIT + ((<usize>count) << 2); fit += 4, src += 128, dst += 20) {
        storeScaleAndMin(dst, fit);
        v128.store(dst, nibbles(affineCodes16(src, fit, 15), affineCodes16(src + 64, fit, 15)), 4);
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
      interleaveBlocks(src, weights + ((<usize>block) << 7), count, sigma2);
      makeQkx3Quants(LANES_X, LANES_W, LANES_L, 32, 31, FIT);
      for (let fit = FIT; fit < FIT + ((<usize>count) << 2); fit += 4, src += 128, dst += 24) {
        storeScaleAndMin(dst, fit);
        store5(dst + 4, affineCodes16(src, fit, 31), affineCodes16(src + 64, fit, 31));
      }
    }
  }
}

function storeScaleAndMin(dst: usize, fit: usize): void {
  store<u16>(dst, <u16>halfBits(load<f32>(fit, FIT_SCALE)));
  store<u16>(dst, <u16>halfBits(-load<f32>(fit, FIT_MIN)), 2); // the fit holds minus the minimum
}

/** Codes 0…2 nmax − 1 of 16 elements: zero + round(inverse · x). */
// @ts-ignore: decorator
@inline
function symmetricCodes16(at: usize, fit: usize, nmax: f32): v128 {
  const inverse = v128.load32_splat(fit, FIT_INVERSE);
  const zero = i32x4.trunc_sat_f32x4_s(v128.load32_splat(fit, FIT_ZERO));
  return bytes16(
    symmetricCode4(v128.load(at), inverse, zero, nmax),
    symmetricCode4(v128.load(at, 16), inverse, zero, nmax),
    symmetricCode4(v128.load(at, 32), inverse, zero, nmax),
    symmetricCode4(v128.load(at, 48), inverse, zero, nmax),
  );
}

// @ts-ignore: decorator
@inline
function symmetricCode4(x: v128, inverse: v128, zero: v128, nmax: f32): v128 {
  const scaled = f32x4.mul(inverse, x);
  const bounded = f32x4.pmax(f32x4.splat(-nmax), f32x4.pmin(f32x4.splat(nmax - 1), scaled));
  return i32x4.add(integral4(bounded), zero); // adding the magic number rounds to even
}

/** Codes 0…nmax of 16 elements: round(inverse · (x − shift)). */
// @ts-ignore: decorator
@inline
function affineCodes16(at: usize, fit: usize, nmax: f32): v128 {
  const inverse = v128.load32_splat(fit, FIT_INVERSE);
  const shift = v128.load32_splat(fit, FIT_SHIFT);
  return bytes16(
    affineCode4(v128.load(at), inverse, shift, nmax),
    affineCode4(v128.load(at, 16), inverse, shift, nmax),
    affineCode4(v128.load(at, 32), inverse, shift, nmax),
    affineCode4(v128.load(at, 48), inverse, shift, nmax),
  );
}

/** An infinite inverse (a subnormal range) times 0 is NaN, which the bounds turn into 0. */
// @ts-ignore: decorator
@inline
function affineCode4(x: v128, inverse: v128, shift: v128, nmax: f32): v128 {
  const scaled = f32x4.mul(inverse, f32x4.sub(x, shift));
  return integral4(f32x4.pmin(f32x4.splat(nmax), f32x4.pmax(f32x4.splat(0), scaled)));
}

// The common part of Q4_K and Q5_K: eight sub-blocks of 32 with a 6-bit scale and a 6-bit minimum each.

import { FIT_BYTES, FIT_MIN, FIT_SCALE, FIT_WEIGHT, keptCodes } from './affineFit';
import { halfBits } from './half';
import { interleave4 } from './lanes';
import { makeQkx2Quants } from './makeQkx2Quants';
import { makeQkx3Quants8 } from './makeQkx3Quants';
import { makeQpQuants } from './makeQpQuants';
import { nearestInt } from './nearestInt';
import {
  CODES, halfValue, LANES_L, LANES_W, LANES_X, MIN_CODES, mixWeights, requantize, SCALE_CODES, sumOfSquares,
} from './superBlock';

// @ts-ignore: decorator
@inline const SUB: i32 = 32;
// @ts-ignore: decorator
@inline const SUBS: usize = 8;
/** Bytes of four interleaved sub-blocks. */
// @ts-ignore: decorator
@inline const GROUP: usize = 512;

const FIT: usize = memory.data(FIT_BYTES, 16);

/** Quantizes 256 values: d, dmin and packed scales to the 16 bytes at dst, one byte per value to CODES. */
export function quantizeScaleMinBlock(
  x: usize, weights: usize, nmax: i32, rmin: f32, rdelta: f32, steps: i32, dst: usize,
): void {
  interleave4(x, SUB, LANES_X);
  interleave4(x + GROUP, SUB, LANES_X + GROUP);
  let d: f32;
  let dmin: f32;
  if (weights != 0) {
    interleave4(weights, SUB, LANES_W);
    interleave4(weights + GROUP, SUB, LANES_W + GROUP);
    mixWeights(LANES_X, LANES_W, (2 * sumOfSquares(x)) / 256);
    makeQkx3Quants8(LANES_X, LANES_W, LANES_L, SUB, nmax, FIT);
    d = makeQpQuants(8, 63, FIT + FIT_SCALE, FIT + FIT_WEIGHT, SCALE_CODES);
    dmin = makeQpQuants(8, 63, FIT + FIT_MIN, FIT + FIT_WEIGHT, MIN_CODES);
  } else {
    valueWeights(LANES_X, LANES_W);
    valueWeights(LANES_X + GROUP, LANES_W + GROUP);
    makeQkx2Quants(LANES_X, LANES_W, LANES_L, SUB, nmax, rmin, rdelta, steps, FIT);
    d = scaleByLargest(FIT + FIT_SCALE, SCALE_CODES);
    dmin = scaleByLargest(FIT + FIT_MIN, MIN_CODES);
  }
  const half = halfBits(d);
  const halfMin = halfBits(dmin);
  store<u16>(dst, <u16>half);
  store<u16>(dst, <u16>halfMin, 2);
  // With weights a fitted scale can turn out negative and wrap beyond 63: quantize_row_q5_K_impl clamps such codes,
  // quantize_row_q4_K_impl lets them spill into their neighbours' bits and continues with what was stored.
  if (nmax == 31) clampCodes();
  packScales(dst + 4);
  unpackScales(dst + 4);
  d = halfValue(half);
  dmin = halfValue(halfMin);
  for (let j: usize = 0; j < SUBS; j++) {
    const scale = d * <f32>load<u8>(SCALE_CODES + j);
    const from = x + j * 128;
    const to = CODES + j * 32;
    if (scale == 0) keptCodes(from, SUB, FIT + 4 * j, nmax, weights != 0, to);
    else requantize(from, SUB, scale, dmin * <f32>load<u8>(MIN_CODES + j), 0, nmax, to);
  }
}

/** Four lanes of √(Σ x² / 32) + |x|. */
function valueWeights(x: usize, w: usize): void {
  let total = f32x4.splat(0);
  for (let at: usize = 0; at < GROUP; at += 16) {
    const v = v128.load(x + at);
    total = f32x4.add(total, f32x4.mul(v, v));
  }
  const average = f32x4.sqrt(f32x4.div(total, f32x4.splat(<f32>SUB)));
  for (let at: usize = 0; at < GROUP; at += 16) v128.store(w + at, f32x4.add(average, f32x4.abs(v128.load(x + at))));
}

/** Eight non-negative values as codes 0…63 of the largest. @returns the value of code 1 */
function scaleByLargest(values: usize, codes: usize): f32 {
  let most: f32 = 0;
  for (let j: usize = 0; j < SUBS; j++) {
    const v = load<f32>(values + 4 * j);
    if (v > most) most = v;
  }
  const inverse: f32 = most > 0 ? 63 / most : 0;
  for (let j: usize = 0; j < SUBS; j++) {
    store<u8>(codes + j, <u8>min(63, nearestInt(inverse * load<f32>(values + 4 * j)) & 0xff));
  }
  return most / 63;
}

/**
 * Twelve bytes: 0–3 scales 0–3 and 4–7 minimums 0–3 in the low six bits; 8–11 the low nibbles of scale and minimum
 * 4–7, whose two high bits sit on top of bytes 0–3 and 4–7.
 */
function packScales(dst: usize): void {
  for (let j: usize = 0; j < 4; j++) {
    const scale = <u32>load<u8>(SCALE_CODES + j, 4);
    const min = <u32>load<u8>(MIN_CODES + j, 4);
    store<u8>(dst + j, load<u8>(SCALE_CODES + j) | ((scale >> 4) << 6));
    store<u8>(dst + j, load<u8>(MIN_CODES + j) | ((min >> 4) << 6), 4);
    store<u8>(dst + j, (scale & 15) | ((min & 15) << 4), 8);
  }
}

/** ggml `get_scale_min_k4` for all eight sub-blocks. */
function unpackScales(src: usize): void {
  for (let j: usize = 0; j < 4; j++) {
    const low = <u32>load<u8>(src + j);
    const middle = <u32>load<u8>(src + j, 4);
    const high = <u32>load<u8>(src + j, 8);
    store<u8>(SCALE_CODES + j, low & 63);
    store<u8>(MIN_CODES + j, middle & 63);
    store<u8>(SCALE_CODES + j, (high & 15) | ((low >> 6) << 4), 4);
    store<u8>(MIN_CODES + j, (high >> 4) | ((middle >> 6) << 4), 4);
  }
}

function clampCodes(): void {
  const top = i8x16.splat(63);
  v128.store(SCALE_CODES, i8x16.min_u(v128.load(SCALE_CODES), top));
  v128.store(MIN_CODES, i8x16.min_u(v128.load(MIN_CODES), top));
}

// Q2_K: 16 bytes of 4-bit scale and minimum, 64 bytes of 2-bit codes, d, dmin (84 bytes per 256 values).

import { FIT_BYTES, FIT_MIN, FIT_SCALE, FIT_WEIGHT, keptCodes } from './affineFit';
import { halfBits } from './half';
import { interleave4 } from './lanes';
import { makeQkx2QuantsAbsolute } from './makeQkx2Quants';
import { makeQkx3Quants8 } from './makeQkx3Quants';
import { makeQpQuants } from './makeQpQuants';
import { nearestInt } from './nearestInt';
import {
  BLOCK, BLOCK_BYTES, CODES, halfValue, LANES_L, LANES_W, LANES_X, MIN_CODES, mixWeights, packTwoBits, requantize,
  SCALE_CODES, sumOfSquares,
} from './superBlock';

// @ts-ignore: decorator
@inline const SUB: i32 = 16;
// @ts-ignore: decorator
@inline const SUBS: usize = 16;

const FIT: usize = memory.data(FIT_BYTES, 16);

/** ggml `quantize_q2_K`. @param weights `columns` floats shared by all rows, or 0 */
export function quantizeQ2_K(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += BLOCK, src += BLOCK_BYTES, dst += 84) {
      const importance: usize = weights == 0 ? 0 : weights + ((<usize>column) << 2);
      quantizeBlock(src, importance, dst);
    }
  }
}

function quantizeBlock(x: usize, weights: usize, dst: usize): void {
  let d: f32;
  let dmin: f32;
  for (let at: usize = 0; at < BLOCK_BYTES; at += 256) interleave4(x + at, SUB, LANES_X + at);
  if (weights != 0) {
    for (let at: usize = 0; at < BLOCK_BYTES; at += 256) interleave4(weights + at, SUB, LANES_W + at);
    mixWeights(LANES_X, LANES_W, sumOfSquares(x) / 256);
    for (let at: usize = 0; at < BLOCK_BYTES; at += 512) {
      makeQkx3Quants8(LANES_X + at, LANES_W + at, LANES_L, SUB, 3, FIT + (at >> 4));
    }
    d = makeQpQuants(<i32>SUBS, 15, FIT + FIT_SCALE, FIT + FIT_WEIGHT, SCALE_CODES);
    dmin = makeQpQuants(<i32>SUBS, 15, FIT + FIT_MIN, FIT + FIT_WEIGHT, MIN_CODES);
  } else {
    for (let at: usize = 0; at < BLOCK_BYTES; at += 16) {
      v128.store(LANES_W + at, f32x4.abs(v128.load(LANES_X + at)));
    }
    for (let at: usize = 0; at < BLOCK_BYTES; at += 512) {
      makeQkx2QuantsAbsolute(LANES_X + at, LANES_W + at, LANES_L, SUB, 3, -0.5, 0.1, 15, FIT + (at >> 4));
    }
    d = scaleByLargest(FIT + FIT_SCALE, SCALE_CODES);
    dmin = scaleByLargest(FIT + FIT_MIN, MIN_CODES);
  }
  const half = halfBits(d);
  const halfMin = halfBits(dmin);
  v128.store(dst, v128.or(v128.load(SCALE_CODES), i8x16.shl(v128.load(MIN_CODES), 4)));
  store<u16>(dst, <u16>half, 80);
  store<u16>(dst, <u16>halfMin, 82);
  d = halfValue(half);
  dmin = halfValue(halfMin);
  for (let j: usize = 0; j < SUBS; j++) {
    const packed = <u32>load<u8>(dst + j);
    const scale = d * <f32>(packed & 15);
    const from = x + j * 64;
    const to = CODES + j * 16;
    if (scale == 0) keptCodes(from, SUB, FIT + 4 * j, 3, weights != 0, to);
    else requantize(from, SUB, scale, dmin * <f32>(packed >> 4), 0, 3, to);
  }
  packTwoBits(CODES, dst + 16);
}

/** Sixteen non-negative values as codes 0…15 of the largest. @returns the value of code 1 */
function scaleByLargest(values: usize, codes: usize): f32 {
  let most: f32 = 0;
  for (let j: usize = 0; j < SUBS; j++) {
    const v = load<f32>(values + 4 * j);
    if (v > most) most = v;
  }
  if (!(most > 0)) {
    memory.fill(codes, 0, SUBS);
    return 0;
  }
  const inverse: f32 = 15 / most;
  for (let j: usize = 0; j < SUBS; j++) store<u8>(codes + j, <u8>nearestInt(inverse * load<f32>(values + 4 * j)));
  return most / 15;
}

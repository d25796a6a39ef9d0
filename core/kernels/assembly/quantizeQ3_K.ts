// Q3_K: 32 bytes of high bits, 64 bytes of 2-bit codes, 12 bytes of 6-bit scales, d (110 bytes per 256 values).

import { FIT_BYTES, FIT_SCALE, FIT_WEIGHT } from './affineFit';
import { halfBits } from './half';
import { interleave4 } from './lanes';
import { makeQ3Quants } from './makeQ3Quants';
import { makeQxQuants } from './makeQxQuants';
import { nearestInt } from './nearestInt';
import {
  BLOCK, BLOCK_BYTES, CODES, halfValue, LANES_L, LANES_W, LANES_X, mixWeights, packTwoBits, requantize, SCALE_CODES,
  sumOfSquares,
} from './superBlock';
import { keptSymmetricCodes } from './symmetricFit';
import { fitSymmetric } from './symmetricSingle';

// @ts-ignore: decorator
@inline const SUB: i32 = 16;
// @ts-ignore: decorator
@inline const SUBS: usize = 16;
// @ts-ignore: decorator
@inline const NMAX: i32 = 4;

const FIT: usize = memory.data(FIT_BYTES, 16);
const BLOCK_FIT: usize = memory.data(FIT_BYTES, 16);
/** Scratch of four interleaved sub-blocks. */
const WEIGHTED: usize = memory.data(256, 16);
/** Bit j: sub-block j counts as zero (unweighted search only). */
let zeros: i32 = 0;

/** ggml `quantize_q3_K`. @param weights `columns` floats shared by all rows, or 0 */
export function quantizeQ3_K(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += BLOCK, src += BLOCK_BYTES, dst += 110) {
      const importance: usize = weights == 0 ? 0 : weights + ((<usize>column) << 2);
      quantizeBlock(src, importance, dst);
    }
  }
}

function quantizeBlock(x: usize, weights: usize, dst: usize): void {
  for (let at: usize = 0; at < BLOCK_BYTES; at += 256) interleave4(x + at, SUB, LANES_X + at);
  const half = halfBits(weights != 0 ? weighted(x, weights) : unweighted());
  const d = halfValue(half);
  store<u16>(dst, <u16>half, 108);
  packScales(dst + 96);
  for (let j: usize = 0; j < SUBS; j++) {
    const scale = d * <f32>(<i32>load<u8>(SCALE_CODES + j) - 32);
    const from = x + j * 64;
    const to = CODES + j * 16;
    if (scale != 0) requantize(from, SUB, scale, 0, -NMAX, NMAX - 1, to);
    else if (weights != 0) keptSymmetricCodes(from, SUB, FIT + 4 * j, NMAX, to);
    else keptLaneCodes(j, to);
  }
  packHighBits(dst, 0);
  packHighBits(dst, 16);
  packTwoBits(CODES, dst + 32);
}

function weighted(x: usize, weights: usize): f32 {
  for (let at: usize = 0; at < BLOCK_BYTES; at += 256) interleave4(weights + at, SUB, LANES_W + at);
  mixWeights(LANES_X, LANES_W, (2 * sumOfSquares(x)) / 256);
  for (let at: usize = 0; at < BLOCK_BYTES; at += 256) {
    let total = f32x4.splat(0);
    for (let i: usize = 0; i < 256; i += 16) total = f32x4.add(total, v128.load(LANES_W + at + i));
    v128.store(FIT + (at >> 4), total, FIT_WEIGHT);
    makeQxQuants(LANES_X + at, LANES_W + at, WEIGHTED, SUB, NMAX, FIT + (at >> 4));
  }
  fitSymmetric(FIT + FIT_SCALE, FIT + FIT_WEIGHT, 4, <i32>SUBS, 32, BLOCK_FIT);
  keptSymmetricCodes(FIT + FIT_SCALE, <i32>SUBS, BLOCK_FIT, 32, SCALE_CODES);
  return load<f32>(BLOCK_FIT, FIT_SCALE);
}

/** The scale of largest magnitude becomes code 0 (−32); a block of zeros has all codes 0. */
function unweighted(): f32 {
  zeros = 0;
  for (let at: usize = 0; at < BLOCK_BYTES; at += 256) {
    const none = makeQ3Quants(LANES_X + at, LANES_W, WEIGHTED, LANES_L + at, SUB, NMAX, FIT + (at >> 4));
    zeros |= none << <i32>(at >> 6);
  }
  let most: f32 = 0;
  for (let j: usize = 0; j < SUBS; j++) {
    const scale = load<f32>(FIT + 4 * j, FIT_SCALE);
    if (abs<f32>(scale) > abs<f32>(most)) most = scale;
  }
  if (most == 0) {
    memory.fill(SCALE_CODES, 0, SUBS);
    return 0;
  }
  const inverse = <f32>-32 / most;
  for (let j: usize = 0; j < SUBS; j++) {
    const code = <i32>(<i8>nearestInt(inverse * load<f32>(FIT + 4 * j, FIT_SCALE)));
    store<u8>(SCALE_CODES + j, max(-32, min(31, code)) + 32);
  }
  return 1 / inverse;
}

function keptLaneCodes(j: usize, codes: usize): void {
  if ((zeros >> <i32>j) & 1) {
    memory.fill(codes, 0, SUB);
    return;
  }
  const from = LANES_L + (j >> 2) * 256 + (j & 3) * 4;
  for (let i: usize = 0; i < <usize>SUB; i++) store<u8>(codes + i, <i32>load<f32>(from + (i << 4)) + NMAX);
}

/** Low nibbles of scales 0–7 and 8–15 share 8 bytes; four more hold bits 4–5 of j, j + 4, j + 8, j + 12. */
function packScales(dst: usize): void {
  for (let j: usize = 0; j < 8; j++) {
    store<u8>(dst + j, (load<u8>(SCALE_CODES + j) & 15) | ((load<u8>(SCALE_CODES + j, 8) & 15) << 4));
  }
  const pairs =
    topPairs(0) | (topPairs(4) << 2) | (topPairs(8) << 4) | (topPairs(12) << 6);
  store<u32>(dst, pairs, 8);
}

/** Bits 4 and 5 of four scale codes, each in the low bits of its byte. */
// @ts-ignore: decorator
@inline
function topPairs(j: usize): u32 {
  return (load<u32>(SCALE_CODES + j) >> 4) & 0x03030303;
}

/** Bit s of byte l is the third bit of element 32 s + l; it leaves the codes. */
// @ts-ignore: decorator
@inline
function packHighBits(dst: usize, l: usize): void {
  const two = i8x16.splat(3);
  let bits = i8x16.splat(0);
  for (let s: i32 = 0; s < 8; s++) {
    const at = CODES + ((<usize>s) << 5) + l;
    const codes = v128.load(at);
    bits = v128.or(bits, i16x8.shl(i16x8.shr_u(v128.andnot(codes, two), 2), s));
    v128.store(at, v128.and(codes, two));
  }
  v128.store(dst + l, bits);
}

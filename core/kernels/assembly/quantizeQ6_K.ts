// Q6_K: 128 bytes of low nibbles, 64 of high bit pairs, 16 signed scales, d (210 bytes per 256 values).

import { FIT_BYTES, FIT_SCALE } from './affineFit';
import { halfBits } from './half';
import { interleave4 } from './lanes';
import { GROUP_MAX_EPS } from './makeQpQuants';
import { makeQxQuants } from './makeQxQuants';
import { nearestInt } from './nearestInt';
import { nibbles } from './quantCodes';
import { BLOCK, BLOCK_BYTES, CODES, halfValue, LANES_L, LANES_W, LANES_X, requantize } from './superBlock';
import { keptSymmetricCodes } from './symmetricFit';

// @ts-ignore: decorator
@inline const SUB: i32 = 16;
// @ts-ignore: decorator
@inline const SUBS: usize = 16;
// @ts-ignore: decorator
@inline const NMAX: i32 = 32;

const FIT: usize = memory.data(FIT_BYTES, 16);

/** ggml `quantize_q6_K`. @param weights `columns` floats shared by all rows, or 0 */
export function quantizeQ6_K(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += BLOCK, src += BLOCK_BYTES, dst += 210) {
      const importance: usize = weights == 0 ? 0 : weights + ((<usize>column) << 2);
      quantizeBlock(src, importance, dst);
    }
  }
}

function quantizeBlock(x: usize, weights: usize, dst: usize): void {
  for (let at: usize = 0; at < BLOCK_BYTES; at += 256) {
    interleave4(x + at, SUB, LANES_X + at);
    if (weights != 0) interleave4(weights + at, SUB, LANES_W + at);
    else squares(LANES_X + at, LANES_W + at);
    makeQxQuants(LANES_X + at, LANES_W + at, LANES_L, SUB, NMAX, FIT + (at >> 4));
  }
  let most: f32 = 0; // the scale of largest magnitude, with its sign
  for (let j: usize = 0; j < SUBS; j++) {
    const scale = load<f32>(FIT + 4 * j, FIT_SCALE);
    if (abs<f32>(scale) > abs<f32>(most)) most = scale;
  }
  if (abs<f32>(most) < GROUP_MAX_EPS) {
    memory.fill(dst, 0, 210);
    return;
  }
  const inverse = <f32>-128 / most;
  const half = halfBits(1 / inverse);
  const d = halfValue(half);
  store<u16>(dst, <u16>half, 208);
  for (let j: usize = 0; j < SUBS; j++) {
    const code = <i8>min(127, nearestInt(inverse * load<f32>(FIT + 4 * j, FIT_SCALE)));
    store<i8>(dst + j, code, 192);
    const scale = d * <f32>code;
    const from = x + j * 64;
    const to = CODES + j * 16;
    if (scale == 0) keptSymmetricCodes(from, SUB, FIT + 4 * j, NMAX, to);
    else requantize(from, SUB, scale, 0, -NMAX, NMAX - 1, to);
  }
  pack(dst, 0);
  pack(dst, 16);
  pack(dst + 64, 128);
  pack(dst + 64, 144);
}

/** A low-nibble byte holds elements l and l + 64, or l + 32 and l + 96; a high byte two bits of all four. */
// @ts-ignore: decorator
@inline
function pack(dst: usize, from: usize): void {
  const nibble = i8x16.splat(15);
  const a = v128.load(CODES + from);
  const b = v128.load(CODES + from, 32);
  const c = v128.load(CODES + from, 64);
  const d = v128.load(CODES + from, 96);
  const l = from & 31;
  v128.store(dst + l, nibbles(v128.and(a, nibble), v128.and(c, nibble)));
  v128.store(dst + l, nibbles(v128.and(b, nibble), v128.and(d, nibble)), 32);
  const high01 = v128.or(i16x8.shr_u(v128.andnot(a, nibble), 4), i16x8.shr_u(v128.andnot(b, nibble), 2));
  const high23 = v128.or(v128.andnot(c, nibble), i16x8.shl(v128.andnot(d, nibble), 2));
  v128.store(dst + 128 - (from >> 7) * 32 + l, v128.or(high01, high23));
}

/** The weights of make_qx_quants' rmse_type 1, four sub-blocks of 16. */
function squares(x: usize, w: usize): void {
  for (let at: usize = 0; at < 256; at += 16) {
    const v = v128.load(x + at);
    v128.store(w + at, f32x4.mul(v, v));
  }
}

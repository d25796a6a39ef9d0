// Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 by round to nearest: quantize_row_*_ref of ggml-quants.c, bit for bit.
// A block whose 1/d or d is not finite (subnormal or overflowing input) gets zero codes: what x86 conversions leave there.

import { maximum32, minimum32, signedMaximum32 } from './extremes';
import { halfBits } from './half';
import { bytes16, fifthBits, finite, integral4, nibbles } from './quantCodes';

/** `scale`·(x − `shift`) + `bias` truncated, as int32. */
// @ts-ignore: decorator
@inline
function codes4(at: usize, offset: usize, shift: v128, scale: v128, bias: v128): v128 {
  return integral4(f32x4.floor(f32x4.add(f32x4.mul(f32x4.sub(v128.load(at + offset), shift), scale), bias)));
}

// @ts-ignore: decorator
@inline
function codes16(at: usize, shift: v128, scale: v128, bias: v128): v128 {
  return bytes16(
    codes4(at, 0, shift, scale, bias),
    codes4(at, 16, shift, scale, bias),
    codes4(at, 32, shift, scale, bias),
    codes4(at, 48, shift, scale, bias),
  );
}

export function roundQ4_0(src: usize, dst: usize, rows: i32, columns: i32): void {
  const blocks = (<usize>rows) * ((<usize>columns) >> 5);
  for (let block: usize = 0; block < blocks; block++, src += 128, dst += 18) {
    const d = signedMaximum32(src) / -8;
    const id: f32 = d != 0 ? 1 / d : 0;
    store<u16>(dst, <u16>halfBits(d));
    if (!finite(id) || !finite(d)) {
      memory.fill(dst + 2, 0, 16);
      continue;
    }
    const zero = f32x4.splat(0);
    const scale = f32x4.splat(id);
    const bias = f32x4.splat(8.5);
    const most = i8x16.splat(15); // the element of largest magnitude may have the other sign: 8 · 1 + 8.5
    const low = i8x16.min_u(codes16(src, zero, scale, bias), most);
    const high = i8x16.min_u(codes16(src + 64, zero, scale, bias), most);
    v128.store(dst, nibbles(low, high), 2);
  }
}

export function roundQ5_0(src: usize, dst: usize, rows: i32, columns: i32): void {
  const blocks = (<usize>rows) * ((<usize>columns) >> 5);
  for (let block: usize = 0; block < blocks; block++, src += 128, dst += 22) {
    const d = signedMaximum32(src) / -16;
    const id: f32 = d != 0 ? 1 / d : 0;
    store<u16>(dst, <u16>halfBits(d));
    if (!finite(id) || !finite(d)) {
      memory.fill(dst + 2, 0, 20);
      continue;
    }
    const zero = f32x4.splat(0);
    const scale = f32x4.splat(id);
    const bias = f32x4.splat(16.5);
    const most = i8x16.splat(31);
    const low = i8x16.min_u(codes16(src, zero, scale, bias), most);
    const high = i8x16.min_u(codes16(src + 64, zero, scale, bias), most);
    store5(dst + 2, low, high);
  }
}

/** Fifth bits, then nibbles. */
// @ts-ignore: decorator
@inline
export function store5(at: usize, low: v128, high: v128): void {
  const nibble = i8x16.splat(15);
  store<u32>(at, fifthBits(low, high));
  v128.store(at, nibbles(v128.and(low, nibble), v128.and(high, nibble)), 4);
}

export function roundQ4_1(src: usize, dst: usize, rows: i32, columns: i32): void {
  const blocks = (<usize>rows) * ((<usize>columns) >> 5);
  for (let block: usize = 0; block < blocks; block++, src += 128, dst += 20) {
    const min = minimum32(src);
    const d = (maximum32(src) - min) / 15;
    const id: f32 = d != 0 ? 1 / d : 0;
    store<u16>(dst, <u16>halfBits(d));
    store<u16>(dst, <u16>halfBits(min), 2);
    if (!finite(id) || !finite(d)) {
      memory.fill(dst + 4, 0, 16);
      continue;
    }
    const shift = f32x4.splat(min);
    const scale = f32x4.splat(id);
    const bias = f32x4.splat(0.5);
    const most = i8x16.splat(15);
    const low = i8x16.min_u(codes16(src, shift, scale, bias), most);
    const high = i8x16.min_u(codes16(src + 64, shift, scale, bias), most);
    v128.store(dst, nibbles(low, high), 4);
  }
}

export function roundQ5_1(src: usize, dst: usize, rows: i32, columns: i32): void {
  const blocks = (<usize>rows) * ((<usize>columns) >> 5);
  for (let block: usize = 0; block < blocks; block++, src += 128, dst += 24) {
    const min = minimum32(src);
    const d = (maximum32(src) - min) / 31;
    const id: f32 = d != 0 ? 1 / d : 0;
    store<u16>(dst, <u16>halfBits(d));
    store<u16>(dst, <u16>halfBits(min), 2);
    if (!finite(id) || !finite(d)) {
      memory.fill(dst + 4, 0, 20);
      continue;
    }
    const shift = f32x4.splat(min);
    const scale = f32x4.splat(id);
    const bias = f32x4.splat(0.5);
    store5(dst + 4, codes16(src, shift, scale, bias), codes16(src + 64, shift, scale, bias));
  }
}

/** C's roundf, halves away from zero: truncate after adding the largest float below ½ with v's sign. */
// @ts-ignore: decorator
@inline
function roundAway4(v: v128): v128 {
  const half = v128.or(v128.and(v, i32x4.splat(0x80000000)), i32x4.splat(0x3effffff));
  return integral4(f32x4.trunc(f32x4.add(v, half)));
}

export function quantizeQ8_0(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  const blocks = (<usize>rows) * ((<usize>columns) >> 5);
  for (let block: usize = 0; block < blocks; block++, src += 128, dst += 34) {
    const low = minimum32(src);
    const high = maximum32(src);
    const amax = high > -low ? high : abs<f32>(low); // abs: of zeros the result is +0
    const d = amax / 127;
    const id: f32 = d != 0 ? 1 / d : 0;
    store<u16>(dst, <u16>halfBits(d));
    if (!finite(id) || !finite(d)) {
      memory.fill(dst + 2, 0, 32);
      continue;
    }
    const scale = f32x4.splat(id);
    for (let i: usize = 0; i < 2; i++) {
      const at = src + (i << 6);
      const ab = i16x8.narrow_i32x4_s(
        roundAway4(f32x4.mul(v128.load(at), scale)),
        roundAway4(f32x4.mul(v128.load(at, 16), scale)),
      );
      const cd = i16x8.narrow_i32x4_s(
        roundAway4(f32x4.mul(v128.load(at, 32), scale)),
        roundAway4(f32x4.mul(v128.load(at, 48), scale)),
      );
      v128.store(dst + (i << 4), i8x16.narrow_i16x8_s(ab, cd), 2);
    }
  }
}

// float32 → F32, F16 and BF16 rows. `weights` is unused: these types have nothing to fit.

import { brainBits4, halfBits4 } from './half';

export function encodeF32(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  memory.copy(dst, src, (<usize>rows * <usize>columns) << 2);
}

export function encodeF16(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  const elements = <usize>rows * <usize>columns;
  let at: usize = 0;
  for (; at + 8 <= elements; at += 8) {
    const a = halfBits4(v128.load(src + (at << 2)));
    const b = halfBits4(v128.load(src + (at << 2), 16));
    v128.store(dst + (at << 1), i16x8.narrow_i32x4_u(a, b));
  }
  for (; at < elements; at++) store<u16>(dst + (at << 1), <u16>i32x4.extract_lane(halfBits4(one(src, at)), 0));
}

export function encodeBF16(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  const elements = <usize>rows * <usize>columns;
  let at: usize = 0;
  for (; at + 8 <= elements; at += 8) {
    const a = brainBits4(v128.load(src + (at << 2)));
    const b = brainBits4(v128.load(src + (at << 2), 16));
    v128.store(dst + (at << 1), i16x8.narrow_i32x4_u(a, b));
  }
  for (; at < elements; at++) store<u16>(dst + (at << 1), <u16>i32x4.extract_lane(brainBits4(one(src, at)), 0));
}

function one(src: usize, at: usize): v128 {
  return v128.load32_zero(src + (at << 2));
}

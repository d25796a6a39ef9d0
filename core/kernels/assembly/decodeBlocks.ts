// GGUF blocks of 32 to float32; layouts and formulas as drawn in reference/decodeLegacy.ts.

import { loadHalf } from './decodePlain';

/** dst[0..16] = d · q for 16 signed bytes. */
// @ts-ignore: decorator
@inline
export function storeScaled(dst: usize, q: v128, d: v128): void {
  const low = i16x8.extend_low_i8x16_s(q);
  const high = i16x8.extend_high_i8x16_s(q);
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), d), 0);
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), d), 16);
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), d), 32);
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), d), 48);
}

/** dst[0..16] = d · q + m, each operation rounded, as the C code without fused multiply-add. */
// @ts-ignore: decorator
@inline
export function storeAffine(dst: usize, q: v128, d: v128, m: v128): void {
  const low = i16x8.extend_low_i8x16_s(q);
  const high = i16x8.extend_high_i8x16_s(q);
  v128.store(dst, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), d), m), 0);
  v128.store(dst, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), d), m), 16);
  v128.store(dst, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), d), m), 32);
  v128.store(dst, f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), d), m), 48);
}

// @ts-ignore: decorator
@inline
export function lowNibbles(v: v128): v128 {
  return v128.and(v, i8x16.splat(15));
}

/** 16 where bit j of the 16 bits at `at` is set, for byte j. */
// @ts-ignore: decorator
@inline
function fifthBits(at: usize): v128 {
  const spread = i8x16.swizzle(i16x8.splat(load<i16>(at)), i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1));
  const bit = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  return v128.and(i8x16.eq(v128.and(spread, bit), bit), i8x16.splat(16));
}

// @ts-ignore: decorator
@inline
export function iq4Levels(codes: v128): v128 {
  return i8x16.swizzle(i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113), codes);
}

// @ts-ignore: decorator
@inline
function doubledE2M1(codes: v128): v128 {
  return i8x16.swizzle(i8x16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12), codes);
}

export function decodeQ4_0(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src);
    const q = v128.load(src, 2);
    storeScaled(dst, i8x16.sub(lowNibbles(q), i8x16.splat(8)), d);
    storeScaled(dst + 64, i8x16.sub(i8x16.shr_u(q, 4), i8x16.splat(8)), d);
    src += 18;
    dst += 128;
  }
}

export function decodeQ4_1(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src);
    const m = loadHalf(src + 2);
    const q = v128.load(src, 4);
    storeAffine(dst, lowNibbles(q), d, m);
    storeAffine(dst + 64, i8x16.shr_u(q, 4), d, m);
    src += 20;
    dst += 128;
  }
}

export function decodeQ5_0(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src);
    const q = v128.load(src, 6);
    storeScaled(dst, i8x16.sub(v128.or(lowNibbles(q), fifthBits(src + 2)), i8x16.splat(16)), d);
    storeScaled(dst + 64, i8x16.sub(v128.or(i8x16.shr_u(q, 4), fifthBits(src + 4)), i8x16.splat(16)), d);
    src += 22;
    dst += 128;
  }
}

export function decodeQ5_1(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src);
    const m = loadHalf(src + 2);
    const q = v128.load(src, 8);
    storeAffine(dst, v128.or(lowNibbles(q), fifthBits(src + 4)), d, m);
    storeAffine(dst + 64, v128.or(i8x16.shr_u(q, 4), fifthBits(src + 6)), d, m);
    src += 24;
    dst += 128;
  }
}

export function decodeQ8_0(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src);
    storeScaled(dst, v128.load(src, 2), d);
    storeScaled(dst + 64, v128.load(src, 18), d);
    src += 34;
    dst += 128;
  }
}

export function decodeIQ4_NL(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src);
    const q = v128.load(src, 2);
    storeScaled(dst, iq4Levels(lowNibbles(q)), d);
    storeScaled(dst + 64, iq4Levels(i8x16.shr_u(q, 4)), d);
    src += 18;
    dst += 128;
  }
}

export function decodeMXFP4(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const e = <u32>load<u8>(src);
    // 2^(e − 128); below 2^−126 the pattern is a subnormal's.
    const d = f32x4.splat(reinterpret<f32>(e < 2 ? <u32>0x00200000 << e : (e - 1) << 23));
    const q = v128.load(src, 1);
    storeScaled(dst, doubledE2M1(lowNibbles(q)), d);
    storeScaled(dst + 64, doubledE2M1(i8x16.shr_u(q, 4)), d);
    src += 17;
    dst += 128;
  }
}

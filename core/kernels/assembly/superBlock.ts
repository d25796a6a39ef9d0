// What the K types share: blocks of 256 values, importance mixed with the values, codes made from stored scales.

import { clampedInt4 } from './nearestInt';
import { bytes16 } from './quantCodes';

/** QK_K */
// @ts-ignore: decorator
@inline export const BLOCK: i32 = 256;
// @ts-ignore: decorator
@inline export const BLOCK_BYTES: usize = 1024;

/** Block-sized scratch, shared by all K types: one block is in work at a time. */
export const LANES_X: usize = memory.data(1024, 16);
export const LANES_W: usize = memory.data(1024, 16);
export const LANES_L: usize = memory.data(1024, 16);
export const CODES: usize = memory.data(256, 16);
export const SCALE_CODES: usize = memory.data(16, 16);
export const MIN_CODES: usize = memory.data(16, 16);

/** Σ x² of a block, added in order. */
export function sumOfSquares(x: usize): f32 {
  let total: f32 = 0;
  for (let at: usize = 0; at < BLOCK_BYTES; at += 16) {
    const v = v128.load(x + at);
    const square = f32x4.mul(v, v);
    total += f32x4.extract_lane(square, 0);
    total += f32x4.extract_lane(square, 1);
    total += f32x4.extract_lane(square, 2);
    total += f32x4.extract_lane(square, 3);
  }
  return total;
}

/** w ← w · √(σ² + x²), the whole block. */
export function mixWeights(x: usize, w: usize, sigma2: f32): void {
  const variance = f32x4.splat(sigma2);
  for (let at: usize = 0; at < BLOCK_BYTES; at += 16) {
    const v = v128.load(x + at);
    const root = f32x4.sqrt(f32x4.add(variance, f32x4.mul(v, v)));
    v128.store(w + at, f32x4.mul(v128.load(w + at), root));
  }
}

/** Codes round((x + min) / d), clamped to low…high and counted from low, of `n` values (n a multiple of 16). */
export function requantize(x: usize, n: i32, d: f32, min: f32, low: i32, high: i32, codes: usize): void {
  const divisor = f32x4.splat(d);
  const shift = f32x4.splat(min);
  const bottom = i32x4.splat(low);
  const top = i32x4.splat(high);
  for (let i: usize = 0; i < <usize>n; i += 16) {
    const at = x + (i << 2);
    const packed = bytes16(
      code4(v128.load(at), shift, divisor, bottom, top),
      code4(v128.load(at, 16), shift, divisor, bottom, top),
      code4(v128.load(at, 32), shift, divisor, bottom, top),
      code4(v128.load(at, 48), shift, divisor, bottom, top),
    );
    v128.store(codes + i, packed);
  }
}

// @ts-ignore: decorator
@inline
function code4(v: v128, shift: v128, divisor: v128, low: v128, high: v128): v128 {
  return i32x4.sub(clampedInt4(f32x4.div(f32x4.add(v, shift), divisor), low, high), low);
}

/** The value of a half's bits. */
export function halfValue(half: u32): f32 {
  // Shifted into place the bits are the value times 2^-112; the exact product also scales subnormal halves.
  const magnitude = reinterpret<f32>((half & 0x7fff) << 13) * reinterpret<f32>(0x77800000);
  const special = (half & 0x7c00) == 0x7c00;
  const bits = special ? 0x7f800000 | ((half & 0x3ff) << 13) : reinterpret<u32>(magnitude);
  return reinterpret<f32>(bits | ((half & 0x8000) << 16));
}

/** Four 2-bit codes per byte: byte l of each half block holds elements l, l + 32, l + 64, l + 96. */
export function packTwoBits(codes: usize, dst: usize): void {
  for (let half: usize = 0; half < 2; half++) {
    for (let l: usize = 0; l < 32; l += 16) {
      const from = codes + half * 128 + l;
      const pairs01 = v128.or(v128.load(from), i16x8.shl(v128.load(from, 32), 2));
      const pairs23 = v128.or(i16x8.shl(v128.load(from, 64), 4), i16x8.shl(v128.load(from, 96), 6));
      v128.store(dst + half * 32 + l, v128.or(pairs01, pairs23));
    }
  }
}

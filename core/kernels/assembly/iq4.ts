// IQ4_NL and IQ4_XS: quantize_row_iq4_nl_impl of ggml-quants.c with ntry 7, bit for bit.
// The sixteen candidate scales of a sub-block are sixteen SIMD lanes; each lane adds up in ggml's element order.

import { signedMaximum32 } from './extremes';
import { scaleBits } from './half';
import { levels16, levelValues, nearestLevels16, position4 } from './iq4Levels';
import { GROUP_MAX_EPS } from './makeQpQuants';
import { nibbles } from './quantCodes';

// @ts-ignore: decorator
@inline const FIRST_LEVEL: f32 = -127;
// @ts-ignore: decorator
@inline const TRIES: i32 = 7;

const importance = memory.data(32 * 4, 16); // of each element of the sub-block at hand
const sums = memory.data(32 * 4, 16); // Σ w·q·x of 16 candidates, then Σ w·q²
const inverses = memory.data(16 * 4, 16);
const scales = memory.data(8 * 4, 16);

/** Blocks of 32: d (float16), then 16 bytes of nibbles. */
export function quantizeIQ4_NL(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  const blocks = (<usize>columns) >> 5;
  for (let row = 0; row < rows; row++) {
    for (let block: usize = 0; block < blocks; block++, src += 128, dst += 18) {
      const sigma2: f32 = weights == 0 ? 0 : sumOfSquares(src, 32) * <f32>(2.0 / 32);
      const d = bestScale(src, weights == 0 ? 0 : weights + (block << 7), sigma2);
      store<u16>(dst, <u16>scaleBits(d));
      const inverse = f32x4.splat(d != 0 ? 1 / d : 0);
      v128.store(dst, nibbles(nearestLevels16(src, inverse), nearestLevels16(src + 64, inverse)), 2);
    }
  }
}

/** Super-blocks of 256: d (float16), high 2 bits of 8 scales (u16), their low 4 bits, then 8 × 16 bytes of nibbles. */
export function quantizeIQ4_XS(src: usize, dst: usize, rows: i32, columns: i32, weights: usize): void {
  const blocks = (<usize>columns) >> 8;
  for (let row = 0; row < rows; row++) {
    for (let block: usize = 0; block < blocks; block++, src += 1024, dst += 136) {
      const sigma2: f32 = weights == 0 ? 0 : sumOfSquares(src, 256) * <f32>(2.0 / 256);
      const importances: usize = weights == 0 ? 0 : weights + (block << 10);
      let largest: f32 = 0;
      let largestMagnitude: f32 = 0;
      for (let i: usize = 0; i < 8; i++) {
        const d = bestScale(src + (i << 7), weights == 0 ? 0 : importances + (i << 7), sigma2);
        store<f32>(scales + (i << 2), d);
        if (abs<f32>(d) > largestMagnitude) {
          largestMagnitude = abs<f32>(d);
          largest = d;
        }
      }
      storeSuperBlock(src, dst, -largest / 32);
    }
  }
}

function storeSuperBlock(src: usize, dst: usize, d: f32): void {
  store<u16>(dst, <u16>scaleBits(d));
  const id: f32 = d != 0 ? 1 / d : 0;
  let lowBits: u32 = 0;
  let highBits: u32 = 0;
  for (let i: usize = 0; i < 8; i++) {
    const code = scaleCode(id * load<f32>(scales + (i << 2)));
    const scale = d * <f32>code;
    const inverse = f32x4.splat(scale != 0 ? 1 / scale : 0);
    const at = src + (i << 7);
    v128.store(dst + (i << 4), nibbles(nearestLevels16(at, inverse), nearestLevels16(at + 64, inverse)), 8);
    const stored = <u32>(code + 32);
    lowBits |= (stored & 15) << (<u32>i << 2);
    highBits |= (stored >> 4) << (<u32>i << 1);
  }
  store<u16>(dst, <u16>highBits, 2);
  store<u32>(dst, lowBits, 4);
}

/** nearest_int clamped to six signed bits; NaN gives 0 as nearest_int's bit pattern does. */
function scaleCode(v: f32): i32 {
  if (v != v) return 0;
  const rounded = nearest(v);
  return rounded < -32 ? -32 : rounded > 31 ? 31 : <i32>rounded;
}

function sumOfSquares(at: usize, count: usize): f32 {
  let sum: f32 = 0;
  for (const end = at + (count << 2); at < end; at += 4) {
    const v = load<f32>(at);
    sum += v * v;
  }
  return sum;
}

/**
 * The scale d of one sub-block that maximizes (Σ w·q·x)² / Σ w·q² over sixteen trial scales, refitted as
 * Σ w·q·x / Σ w·q²; w = x² without weights, else weight · sqrt(sigma2 + x²). 0 for an all-zero sub-block.
 */
function bestScale(at: usize, weights: usize, sigma2: f32): f32 {
  const max = signedMaximum32(at);
  if (abs<f32>(max) < GROUP_MAX_EPS) return 0;
  for (let i: usize = 0; i < 128; i += 16) {
    const x = v128.load(at + i);
    const square = f32x4.mul(x, x);
    const w =
      weights == 0
        ? square
        : f32x4.mul(v128.load(weights + i), f32x4.sqrt(f32x4.add(f32x4.splat(sigma2), square)));
    v128.store(importance + i, w);
  }
  store<f32>(inverses, 1 / (-max / FIRST_LEVEL));
  for (let k = -TRIES; k <= TRIES; k++) store<f32>(inverses + (<usize>(k + TRIES + 1) << 2), (<f32>k + FIRST_LEVEL) / max);
  sumCandidates(at);
  return pickCandidate();
}

function sumCandidates(at: usize): void {
  let twice0 = v128.load(inverses);
  let twice1 = v128.load(inverses, 16);
  let twice2 = v128.load(inverses, 32);
  let twice3 = v128.load(inverses, 48);
  twice0 = f32x4.add(twice0, twice0);
  twice1 = f32x4.add(twice1, twice1);
  twice2 = f32x4.add(twice2, twice2);
  twice3 = f32x4.add(twice3, twice3);
  let qx0 = f32x4.splat(0);
  let qx1 = f32x4.splat(0);
  let qx2 = f32x4.splat(0);
  let qx3 = f32x4.splat(0);
  let q20 = f32x4.splat(0);
  let q21 = f32x4.splat(0);
  let q22 = f32x4.splat(0);
  let q23 = f32x4.splat(0);
  for (let i: usize = 0; i < 128; i += 4) {
    const x = v128.load32_splat(at + i);
    const w = v128.load32_splat(importance + i);
    const levels = levels16(
      position4(f32x4.mul(x, twice0)),
      position4(f32x4.mul(x, twice1)),
      position4(f32x4.mul(x, twice2)),
      position4(f32x4.mul(x, twice3)),
    );
    const values = i8x16.swizzle(levelValues(), levels);
    const low = i16x8.extend_low_i8x16_s(values);
    const high = i16x8.extend_high_i8x16_s(values);
    const a = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low));
    const b = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low));
    const c = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high));
    const d = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high));
    const wa = f32x4.mul(w, a);
    const wb = f32x4.mul(w, b);
    const wc = f32x4.mul(w, c);
    const wd = f32x4.mul(w, d);
    qx0 = f32x4.add(qx0, f32x4.mul(wa, x));
    qx1 = f32x4.add(qx1, f32x4.mul(wb, x));
    qx2 = f32x4.add(qx2, f32x4.mul(wc, x));
    qx3 = f32x4.add(qx3, f32x4.mul(wd, x));
    q20 = f32x4.add(q20, f32x4.mul(wa, a));
    q21 = f32x4.add(q21, f32x4.mul(wb, b));
    q22 = f32x4.add(q22, f32x4.mul(wc, c));
    q23 = f32x4.add(q23, f32x4.mul(wd, d));
  }
  v128.store(sums, qx0);
  v128.store(sums, qx1, 16);
  v128.store(sums, qx2, 32);
  v128.store(sums, qx3, 48);
  v128.store(sums, q20, 64);
  v128.store(sums, q21, 80);
  v128.store(sums, q22, 96);
  v128.store(sums, q23, 112);
}

/** In ggml's order, compared without division; a tie keeps the earlier candidate. */
function pickCandidate(): f32 {
  let sumqx = load<f32>(sums);
  let sumq2 = load<f32>(sums, 64);
  let d: f32 = sumq2 > 0 ? sumqx / sumq2 : 0;
  let best = d * sumqx;
  for (let i: usize = 4; i < 64; i += 4) {
    sumqx = load<f32>(sums + i);
    sumq2 = load<f32>(sums + i, 64);
    if (sumq2 > 0 && sumqx * sumqx > best * sumq2) {
      d = sumqx / sumq2;
      best = d * sumqx;
    }
  }
  return d;
}

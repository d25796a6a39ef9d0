// GGUF super-blocks of 256 to float32; layouts and formulas as drawn in reference/decodeKQuants.ts.

import { iq4Levels, lowNibbles, storeAffine, storeScaled } from './decodeBlocks';
import { loadHalf } from './decodePlain';

// @ts-ignore: decorator
@inline
function times(d: v128, scale: i32): v128 {
  return f32x4.mul(d, f32x4.splat(<f32>scale));
}

// @ts-ignore: decorator
@inline
function twoBits(q: v128, shift: i32): v128 {
  return v128.and(i8x16.shr_u(q, shift), i8x16.splat(3));
}

export function decodeQ2_K(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src + 80);
    const dmin = f32x4.neg(loadHalf(src + 82));
    for (let run = 0; run < 16; run++) {
      const scale = <i32>load<u8>(src + run);
      // Two runs of 16 share a shift; 128 elements share 32 bytes.
      const q = v128.load(src + ((run >> 3) << 5) + ((run & 1) << 4), 16);
      storeAffine(dst, twoBits(q, run & 6), times(d, scale & 15), times(dmin, scale >> 4));
      dst += 64;
    }
    src += 84;
  }
}

export function decodeQ3_K(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src + 108);
    for (let run = 0; run < 16; run++) {
      const low = (<i32>load<u8>(src + (run & 7), 96) >> ((run >> 3) << 2)) & 15;
      const high = (<i32>load<u8>(src + (run & 3), 104) >> ((run >> 2) << 1)) & 3;
      const q = v128.load(src + ((run >> 3) << 5) + ((run & 1) << 4), 32);
      const bit = 1 << (run >> 1);
      const mask = v128.and(v128.load(src + ((run & 1) << 4)), i8x16.splat(<i8>bit));
      const four = v128.and(i8x16.eq(mask, i8x16.splat(0)), i8x16.splat(4));
      storeScaled(dst, i8x16.sub(twoBits(q, run & 6), four), times(d, (low | (high << 4)) - 32));
      dst += 64;
    }
    src += 110;
  }
}

/** Low byte: scale, next byte: min (ggml-quants.c `get_scale_min_k4`). */
// @ts-ignore: decorator
@inline
function scaleAndMin(q: usize, j: i32): i32 {
  if (j < 4) return <i32>(load<u8>(q + j) & 63) | (<i32>(load<u8>(q + j, 4) & 63) << 8);
  const both = <i32>load<u8>(q + j, 4);
  const scale = (both & 15) | ((<i32>load<u8>(q + j - 4) >> 6) << 4);
  const min = (both >> 4) | ((<i32>load<u8>(q + j) >> 6) << 4);
  return scale | (min << 8);
}

export function decodeQ4_K(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src);
    const dmin = f32x4.neg(loadHalf(src + 2));
    for (let group = 0; group < 8; group++) {
      const packed = scaleAndMin(src + 4, group);
      const dl = times(d, packed & 255);
      const ml = times(dmin, packed >> 8);
      const shift = (group & 1) << 2;
      const at = src + ((group >> 1) << 5);
      storeAffine(dst, lowNibbles(i8x16.shr_u(v128.load(at, 16), shift)), dl, ml);
      storeAffine(dst + 64, lowNibbles(i8x16.shr_u(v128.load(at, 32), shift)), dl, ml);
      dst += 128;
    }
    src += 144;
  }
}

export function decodeQ5_K(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src);
    const dmin = f32x4.neg(loadHalf(src + 2));
    for (let group = 0; group < 8; group++) {
      const packed = scaleAndMin(src + 4, group);
      const dl = times(d, packed & 255);
      const ml = times(dmin, packed >> 8);
      const shift = (group & 1) << 2;
      const at = src + ((group >> 1) << 5);
      const mask = 1 << group;
      const bit = i8x16.splat(<i8>mask);
      for (let half = 0; half < 32; half += 16) {
        const low = lowNibbles(i8x16.shr_u(v128.load(at + half, 48), shift));
        const set = v128.and(v128.load(src + half, 16), bit);
        const high = v128.and(i8x16.ne(set, i8x16.splat(0)), i8x16.splat(16));
        storeAffine(dst, v128.or(low, high), dl, ml);
        dst += 64;
      }
    }
    src += 176;
  }
}

export function decodeQ6_K(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src + 208);
    for (let run = 0; run < 16; run++) {
      const half = (run & 1) << 4;
      const quarter = (run >> 1) & 3;
      const low = v128.load(src + ((run >> 3) << 6) + ((quarter & 1) << 5) + half);
      const high = v128.load(src + ((run >> 3) << 5) + half, 128);
      const q = v128.or(
        lowNibbles(i8x16.shr_u(low, (quarter >> 1) << 2)),
        i8x16.shl(twoBits(high, quarter << 1), 4),
      );
      storeScaled(dst, i8x16.sub(q, i8x16.splat(32)), times(d, <i32>load<i8>(src + run, 192)));
      dst += 64;
    }
    src += 210;
  }
}

export function decodeIQ4_XS(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src);
    const scalesHigh = <i32>load<u16>(src, 2);
    for (let group = 0; group < 8; group++) {
      const low = (<i32>load<u8>(src + (group >> 1), 4) >> ((group & 1) << 2)) & 15;
      const dl = times(d, (low | (((scalesHigh >> (group << 1)) & 3) << 4)) - 32);
      const q = v128.load(src + (group << 4), 8);
      storeScaled(dst, iq4Levels(lowNibbles(q)), dl);
      storeScaled(dst + 64, iq4Levels(i8x16.shr_u(q, 4)), dl);
      dst += 128;
    }
    src += 136;
  }
}

export function decodeTQ2_0(src: usize, dst: usize, blocks: i32): void {
  for (let i = 0; i < blocks; i++) {
    const d = loadHalf(src + 64);
    for (let run = 0; run < 16; run++) {
      const q = v128.load(src + ((run >> 3) << 5) + ((run & 1) << 4));
      storeScaled(dst, i8x16.sub(twoBits(q, run & 6), i8x16.splat(1)), d);
      dst += 64;
    }
    src += 66;
  }
}

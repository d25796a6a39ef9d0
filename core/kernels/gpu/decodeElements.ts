// Element j of a GGUF block from its bytes, in WGSL: reference/decodeLegacy.ts and decodeKQuants.ts.

import type { DType } from '../../tensor/dtype.ts';
import { IQ4_LEVELS } from '../reference/decodeLegacy.ts';

const LEVELS = /* wgsl */ `
const LEVELS = array<i32, 16>(${IQ4_LEVELS.join(', ')});
fn level(code: u32) -> i32 {
  var levels = LEVELS;
  return levels[code];
}`;

/** Of 32: element j in the low nibble of byte j, j + 16 in the high one; its fifth bit is bit j of four bytes. */
const BLOCK_CODES = /* wgsl */ `
fn nibble(codes: u32, j: u32) -> u32 { return (byte(codes + (j & 15u)) >> (4u * (j >> 4u))) & 15u; }
fn fifthBit(codes: u32, j: u32) -> u32 { return ((byte(codes + (j >> 3u)) >> (j & 7u)) & 1u) << 4u; }`;

/** Blocks of 32: `fn element(at: u32, j: u32) -> u32`. */
export const BLOCK_ELEMENTS: Partial<Record<DType, string>> = {
  // d f16 | i8 qs[32]
  Q8_0: 'fn element(at: u32, j: u32) -> u32 { return scaled(half(at), signedByte(at + 2u + j)); }',
  // d f16 | qs[16]
  Q4_0: `${BLOCK_CODES}
fn element(at: u32, j: u32) -> u32 { return scaled(half(at), i32(nibble(at + 2u, j)) - 8); }`,
  // d f16 | m f16 | qs[16]
  Q4_1: `${BLOCK_CODES}
fn element(at: u32, j: u32) -> u32 { return fAdd(scaled(half(at), i32(nibble(at + 4u, j))), half(at + 2u)); }`,
  // d f16 | qh[4] | qs[16]
  Q5_0: `${BLOCK_CODES}
fn element(at: u32, j: u32) -> u32 {
  return scaled(half(at), i32(nibble(at + 6u, j) | fifthBit(at + 2u, j)) - 16);
}`,
  // d f16 | m f16 | qh[4] | qs[16]
  Q5_1: `${BLOCK_CODES}
fn element(at: u32, j: u32) -> u32 {
  return fAdd(scaled(half(at), i32(nibble(at + 8u, j) | fifthBit(at + 4u, j))), half(at + 2u));
}`,
  // d f16 | qs[16]
  IQ4_NL: `${BLOCK_CODES}${LEVELS}
fn element(at: u32, j: u32) -> u32 { return scaled(half(at), level(nibble(at + 2u, j))); }`,
};

/** 128 elements share 32 bytes; each run of 32 takes the next two bits of all of them. */
const TWO_BITS = /* wgsl */ `
fn twoBits(codes: u32, j: u32) -> u32 {
  return (byte(codes + 32u * (j >> 7u) + (j & 31u)) >> (2u * ((j >> 5u) & 3u))) & 3u;
}`;

/** 64 elements share 32 bytes, the first 32 in the low nibbles; d and dmin go before 12 bytes of 6-bit pairs. */
const SCALE_MIN = /* wgsl */ `
fn nibble(codes: u32, j: u32) -> u32 { return (byte(codes + 32u * (j >> 6u) + (j & 31u)) >> ((j & 32u) >> 3u)) & 15u; }
fn scaleMin(at: u32, j: u32, code: u32) -> u32 {
  let group = j >> 5u;
  let q = at + 4u + group;
  var scale = byte(q) & 63u;
  var least = byte(q + 4u) & 63u;
  if (group >= 4u) {
    scale = (byte(q + 4u) & 15u) | ((byte(q - 4u) >> 6u) << 4u);
    least = (byte(q + 4u) >> 4u) | ((byte(q) >> 6u) << 4u);
  }
  return fSub(scaled(scaled(half(at), i32(scale)), i32(code)), scaled(half(at + 2u), i32(least)));
}`;

/** Blocks of 256: `fn element(at: u32, j: u32) -> u32`. */
export const SUPER_BLOCK_ELEMENTS: Partial<Record<DType, string>> = {
  // scales[16] (scale low nibble, min high) | qs[64] | d f16 | dmin f16
  Q2_K: `${TWO_BITS}
fn element(at: u32, j: u32) -> u32 {
  let both = byte(at + (j >> 4u));
  let value = scaled(scaled(half(at + 80u), i32(both & 15u)), i32(twoBits(at + 16u, j)));
  return fSub(value, scaled(half(at + 82u), i32(both >> 4u)));
}`,
  // hmask[32] | qs[64] | scales[12] (low nibbles in 8 bytes, high two bits in 4) | d f16
  Q3_K: `${TWO_BITS}
fn element(at: u32, j: u32) -> u32 {
  let group = j >> 4u;
  let low = (byte(at + 96u + (group & 7u)) >> ((group & 8u) >> 1u)) & 15u;
  let high = (byte(at + 104u + (group & 3u)) >> (2u * (group >> 2u))) & 3u;
  let code = i32(twoBits(at + 32u, j)) - select(4, 0, ((byte(at + (j & 31u)) >> (j >> 5u)) & 1u) == 1u);
  return scaled(scaled(half(at + 108u), i32(low | (high << 4u)) - 32), code);
}`,
  // d f16 | dmin f16 | scales[12] | qs[128]
  Q4_K: `${SCALE_MIN}
fn element(at: u32, j: u32) -> u32 { return scaleMin(at, j, nibble(at + 16u, j)); }`,
  // d f16 | dmin f16 | scales[12] | qh[32] | qs[128]
  Q5_K: `${SCALE_MIN}
fn element(at: u32, j: u32) -> u32 {
  return scaleMin(at, j, nibble(at + 48u, j) | (((byte(at + 16u + (j & 31u)) >> (j >> 5u)) & 1u) << 4u));
}`,
  // ql[128] | qh[64] | i8 scales[16] | d f16: 128 elements use 64 bytes of ql and 32 of qh
  Q6_K: /* wgsl */ `
fn element(at: u32, j: u32) -> u32 {
  let quarter = (j >> 5u) & 3u;
  let low = (byte(at + 64u * (j >> 7u) + (j & 63u)) >> (4u * (quarter >> 1u))) & 15u;
  let high = (byte(at + 128u + 32u * (j >> 7u) + (j & 31u)) >> (2u * quarter)) & 3u;
  return scaled(scaled(half(at + 208u), signedByte(at + 192u + (j >> 4u))), i32(low | (high << 4u)) - 32);
}`,
  // d f16 | u16 scales_h | scales_l[4] | qs[128]
  IQ4_XS: `${LEVELS}
fn element(at: u32, j: u32) -> u32 {
  let group = j >> 5u;
  let low = (byte(at + 4u + (group >> 1u)) >> (4u * (group & 1u))) & 15u;
  let high = (bits16(at + 2u) >> (2u * group)) & 3u;
  let code = (byte(at + 8u + 16u * group + (j & 15u)) >> ((j & 16u) >> 2u)) & 15u;
  return scaled(scaled(half(at), i32(low | (high << 4u)) - 32), level(code));
}`,
};

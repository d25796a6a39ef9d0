// The bytes of Q2_K … Q6_K and IQ4_XS on the GPU: blocks of 256.

import { layout } from './packing.ts';

/** Four 2-bit codes a byte: byte k of 64 holds those of elements l, l + 32, l + 64, l + 96 of its 128. */
const TWO_BITS = /* wgsl */ `
fn twoBits(block: u32, k: u32) -> u32 {
  let j = 128u * (k >> 5u) + (k & 31u);
  return (code(block, j) & 3u) | ((code(block, j + 32u) & 3u) << 2u) | ((code(block, j + 64u) & 3u) << 4u)
    | ((code(block, j + 96u) & 3u) << 6u);
}`;

/** Byte k of 128: the low four bits of elements l and l + 32 of its 64. */
const NIBBLES = /* wgsl */ `
fn nibbles(block: u32, k: u32) -> u32 {
  let j = 64u * (k >> 5u) + (k & 31u);
  return (code(block, j) & 15u) | ((code(block, j + 32u) & 15u) << 4u);
}`;

/** Bit s of byte k is a bit of element k of the s-th 32. */
const BIT_PLANE = /* wgsl */ `
fn bitPlane(block: u32, k: u32, bit: u32) -> u32 {
  var plane = 0u;
  for (var s = 0u; s < 8u; s++) { plane |= ((code(block, 32u * s + k) >> bit) & 1u) << s; }
  return plane;
}`;

/**
 * Twelve bytes: 0–3 scales 0–3, 4–7 minimums 0–3 in their low six bits; 8–11 the low nibbles of scale and minimum 4–7,
 * whose two high bits sit on top of bytes 0–3 and 4–7.
 */
const SIX_BIT_SCALES = /* wgsl */ `
fn scaleMin(block: u32, j: u32) -> vec2u { return vec2u(stored[8u * block + j] & 255u, stored[8u * block + j] >> 8u); }
fn scaleByte(block: u32, k: u32) -> u32 {
  let high = scaleMin(block, 4u + (k & 3u));
  if (k >= 8u) { return (high.x & 15u) | ((high.y & 15u) << 4u); }
  let side = k >> 2u;
  return scaleMin(block, k & 3u)[side] | ((high[side] >> 4u) << 6u);
}`;

/** scales[16] (scale low nibble, min high) | qs[64] | d f16 | dmin f16 */
export const Q2_K = layout(
  'Q2_K',
  ['d', 'dmin', 'stored'],
  /* wgsl */ `${TWO_BITS}
fn blockByte(block: u32, k: u32) -> u32 {
  if (k < 16u) {
    let both = stored[16u * block + k];
    return (both & 15u) | ((both >> 8u) << 4u);
  }
  if (k < 80u) { return twoBits(block, k - 16u); }
  if (k < 82u) { return half(d[block], k - 80u); }
  return half(dmin[block], k - 82u);
}`,
);

/** hmask[32] | qs[64] | scales[12] (low nibbles in 8 bytes, high two bits in 4) | d f16 */
export const Q3_K = layout(
  'Q3_K',
  ['d', 'scaleCodes'],
  /* wgsl */ `${TWO_BITS}${BIT_PLANE}
fn scale(block: u32, j: u32) -> u32 { return (scaleCodes[4u * block + (j >> 2u)] >> (8u * (j & 3u))) & 255u; }
fn blockByte(block: u32, k: u32) -> u32 {
  if (k < 32u) { return bitPlane(block, k, 2u); }
  if (k < 96u) { return twoBits(block, k - 32u); }
  if (k < 104u) { return (scale(block, k - 96u) & 15u) | ((scale(block, k - 88u) & 15u) << 4u); }
  if (k >= 108u) { return half(d[block], k - 108u); }
  var high = 0u;
  for (var quarter = 0u; quarter < 4u; quarter++) { high |= (scale(block, k - 104u + 4u * quarter) >> 4u) << (2u * quarter); }
  return high;
}`,
);

/** d f16 | dmin f16 | scales[12] | qs[128] */
export const Q4_K = layout(
  'Q4_K',
  ['d', 'dmin', 'stored'],
  /* wgsl */ `${NIBBLES}${SIX_BIT_SCALES}
fn blockByte(block: u32, k: u32) -> u32 {
  if (k < 2u) { return half(d[block], k); }
  if (k < 4u) { return half(dmin[block], k - 2u); }
  if (k < 16u) { return scaleByte(block, k - 4u); }
  return nibbles(block, k - 16u);
}`,
);

/** d f16 | dmin f16 | scales[12] | qh[32] | qs[128] */
export const Q5_K = layout(
  'Q5_K',
  ['d', 'dmin', 'stored'],
  /* wgsl */ `${NIBBLES}${SIX_BIT_SCALES}${BIT_PLANE}
fn blockByte(block: u32, k: u32) -> u32 {
  if (k < 2u) { return half(d[block], k); }
  if (k < 4u) { return half(dmin[block], k - 2u); }
  if (k < 16u) { return scaleByte(block, k - 4u); }
  if (k < 48u) { return bitPlane(block, k - 16u, 4u); }
  return nibbles(block, k - 48u);
}`,
);

/** ql[128] | qh[64] | i8 scales[16], stored from −128 on | d f16; a block without scales is all zeros, codes included. */
export const Q6_K = layout(
  'Q6_K',
  ['d', 'scaleCodes'],
  /* wgsl */ `
fn blockByte(block: u32, k: u32) -> u32 {
  if (fZero(d[block])) { return 0u; }
  if (k < 128u) {
    let j = 128u * (k >> 6u) + (k & 63u);
    return (code(block, j) & 15u) | ((code(block, j + 64u) & 15u) << 4u);
  }
  if (k < 192u) {
    let j = 128u * ((k - 128u) >> 5u) + (k & 31u);
    return (code(block, j) >> 4u) | ((code(block, j + 32u) >> 4u) << 2u) | ((code(block, j + 64u) >> 4u) << 4u)
      | ((code(block, j + 96u) >> 4u) << 6u);
  }
  if (k >= 208u) { return half(d[block], k - 208u); }
  let j = k - 192u;
  return (scaleCodes[4u * block + (j >> 2u)] >> (8u * (j & 3u))) - 128u;
}`,
);

/** d f16 | u16 scales_h | scales_l[4] | qs[128]: each 32 elements in 16 bytes, l in the low and l + 16 in the high nibbles */
export const IQ4_XS = layout(
  'IQ4_XS',
  ['d', 'scaleCodes'],
  /* wgsl */ `
fn scale(block: u32, j: u32) -> u32 { return scaleCodes[8u * block + j]; }
fn blockByte(block: u32, k: u32) -> u32 {
  if (k < 2u) { return half(d[block], k); }
  if (k >= 8u) {
    let j = 32u * ((k - 8u) >> 4u) + ((k - 8u) & 15u);
    return code(block, j) | (code(block, j + 16u) << 4u);
  }
  if (k >= 4u) { return (scale(block, 2u * (k - 4u)) & 15u) | ((scale(block, 2u * (k - 4u) + 1u) & 15u) << 4u); }
  var high = 0u;
  for (var j = 0u; j < 4u; j++) { high |= (scale(block, 4u * (k - 2u) + j) >> 4u) << (2u * j); }
  return high;
}`,
);

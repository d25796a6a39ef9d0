// Q8_0, Q4_0, Q5_0, Q4_1 and Q5_1 without importance weights: reference/quantizeLegacy.ts in WGSL.
//
// Computed with float32.ts: the bytes are the processor's, bit for bit, on any adapter.

import type { DType } from '../../tensor/dtype.ts';
import { type PackKernel, packKernel } from './packing.ts';

/** d f16 | i8 qs[32]: d = max |x| / 127, halves round away from zero. */
const Q8_0 = packKernel(
  'Q8_0',
  /* wgsl */ `
fn packBlock(first: u32, at: u32) {
  var most = 0u;
  for (var j = 0u; j < 32u; j++) { most = max(most, source(first + j) & ~F_SIGN); }
  let d = fDiv(most, 0x42fe0000u); // 127
  let inverse = select(fDiv(0x3f800000u, d), 0u, d == 0u);
  put16(at, halfBits(d));
  for (var j = 0u; j < 32u; j++) { put8(at + 2u + j, u32(awayFromHalf(fMul(source(first + j), inverse)))); }
}

/** Of magnitudes up to 127; 0 for what is not finite. */
fn awayFromHalf(a: u32) -> i32 {
  let exponent = (a >> 23u) & 255u;
  if (exponent < 126u || exponent > 149u) { return 0; }
  let mantissa = (a & 0x7fffffu) | 0x800000u;
  let units = i32((mantissa + (1u << (149u - exponent))) >> (150u - exponent));
  return select(units, -units, (a & F_SIGN) != 0u);
}`,
);

/** The value of largest magnitude becomes code 0: d = max / −nmax, codes truncated after adding nmax + ½. */
const SYMMETRIC = /* wgsl */ `
fn symmetricCodes(first: u32, at: u32, nmax: u32) {
  var most = 0u;
  for (var j = 0u; j < 32u; j++) {
    let v = source(first + j);
    if ((v & ~F_SIGN) > (most & ~F_SIGN)) { most = v; }
  }
  let d = fDiv(most, fFromInt(-i32(nmax)));
  let inverse = select(fDiv(0x3f800000u, d), 0u, (d & ~F_SIGN) == 0u);
  put16(at, halfBits(d));
  let middle = fAdd(fFromInt(i32(nmax)), 0x3f000000u); // nmax + ½
  for (var j = 0u; j < 32u; j++) {
    codes[j] = u32(min(i32(2u * nmax) - 1, fTruncate(fAdd(fMul(source(first + j), inverse), middle))));
  }
}`;

/** d = (max − min) / nmax, codes truncated after adding ½; of −0 and 0 the first is the minimum, whose sign is stored. */
const AFFINE = /* wgsl */ `
fn affineCodes(first: u32, at: u32, nmax: u32) {
  var least = F_INFINITY;
  var most = F_SIGN | F_INFINITY;
  for (var j = 0u; j < 32u; j++) {
    let v = source(first + j);
    if (fLess(v, least)) { least = v; }
    if (fLess(most, v)) { most = v; }
  }
  let d = fDiv(fSub(most, least), fFromInt(i32(nmax)));
  let inverse = select(fDiv(0x3f800000u, d), 0u, d == 0u);
  put16(at, halfBits(d));
  put16(at + 2u, halfBits(least));
  for (var j = 0u; j < 32u; j++) {
    let scaled = fMul(fSub(source(first + j), least), inverse);
    codes[j] = u32(min(i32(nmax), fTruncate(fAdd(scaled, 0x3f000000u))));
  }
}`;

/** Element j in the low nibble of byte j, j + 16 in the high one; bit j of the word of fifth bits is bit 4 of element j. */
const CODES = /* wgsl */ `
var<private> codes: array<u32, 32>;

fn putNibbles(at: u32) {
  for (var j = 0u; j < 16u; j++) { put8(at + j, (codes[j] & 15u) | ((codes[j + 16u] & 15u) << 4u)); }
}

fn putFifthBits(at: u32) {
  var word = 0u;
  for (var j = 0u; j < 32u; j++) { word |= ((codes[j] >> 4u) & 1u) << j; }
  put32(at, word);
}`;

export const ROUND_TO_NEAREST: Partial<Record<DType, PackKernel>> = {
  Q8_0,
  Q4_0: packKernel(
    'Q4_0',
    `${CODES}${SYMMETRIC}
fn packBlock(first: u32, at: u32) { symmetricCodes(first, at, 8u); putNibbles(at + 2u); }`,
  ),
  Q5_0: packKernel(
    'Q5_0',
    `${CODES}${SYMMETRIC}
fn packBlock(first: u32, at: u32) { symmetricCodes(first, at, 16u); putFifthBits(at + 2u); putNibbles(at + 6u); }`,
  ),
  Q4_1: packKernel(
    'Q4_1',
    `${CODES}${AFFINE}
fn packBlock(first: u32, at: u32) { affineCodes(first, at, 15u); putNibbles(at + 4u); }`,
  ),
  Q5_1: packKernel(
    'Q5_1',
    `${CODES}${AFFINE}
fn packBlock(first: u32, at: u32) { affineCodes(first, at, 31u); putFifthBits(at + 4u); putNibbles(at + 8u); }`,
  ),
};

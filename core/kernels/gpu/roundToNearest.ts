// Scales and codes of blocks of 32 without a search, on the GPU: reference/quantizeLegacy.ts in WGSL.

import type { AffineFits } from './affineFit.ts';
import { itemKernel, type Passes, type Words } from './passes.ts';
import type { SymmetricFits } from './symmetricFit.ts';

const EIGHT_BIT = itemKernel(
  'round to eight bits',
  { reads: ['values'], writes: ['scales', 'codes'] },
  /* wgsl */ `
fn item(i: u32) {
  var most = 0u;
  for (var j = 0u; j < 32u; j++) {
    let v = fAbs(values[i * 32u + j]);
    if (fLess(most, v)) { most = v; }
  }
  let d = fDiv(most, fFromInt(127));
  let inverse = select(fDiv(ONE, d), 0u, fZero(d));
  scales[i] = d;
  for (var word = 8u * i; word < 8u * i + 8u; word++) {
    var four = 0u;
    for (var j = 0u; j < 4u; j++) { four |= (u32(awayFromHalf(fMul(values[4u * word + j], inverse))) & 255u) << (8u * j); }
    codes[word] = four;
  }
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

/** d = max |x| / 127, halves round away from zero; codes are signed bytes. */
export function roundToEightBits(passes: Passes, values: Words): SymmetricFits {
  const fits = { scales: passes.make(values.length / 32), codes: passes.make(values.length / 4) };
  passes.add(EIGHT_BIT, fits.scales.length, [values, fits.scales, fits.codes]);
  return fits;
}

const SYMMETRIC = itemKernel(
  'round symmetrically',
  { reads: ['values'], writes: ['scales', 'codes'], sizes: ['nmax'] },
  /* wgsl */ `
fn item(i: u32) {
  let nmax = i32(sizes.nmax);
  var most = 0u;
  for (var j = 0u; j < 32u; j++) {
    let v = values[i * 32u + j];
    if (fLess(fAbs(most), fAbs(v))) { most = v; }
  }
  let d = fDiv(most, fFromInt(-nmax));
  let inverse = select(fDiv(ONE, d), 0u, fZero(d));
  let middle = fAdd(fFromInt(nmax), 0x3f000000u); // nmax + ½
  scales[i] = d;
  for (var word = 8u * i; word < 8u * i + 8u; word++) {
    var four = 0u;
    for (var j = 0u; j < 4u; j++) {
      let code = fTruncate(fAdd(fMul(values[4u * word + j], inverse), middle));
      four |= (u32(min(2 * nmax - 1, code)) & 255u) << (8u * j);
    }
    codes[word] = four;
  }
}`,
);

/** The value of largest magnitude becomes code 0: d = max / −nmax, codes truncated after adding nmax + ½. */
export function roundSymmetrically(passes: Passes, values: Words, nmax: number): SymmetricFits {
  const fits = { scales: passes.make(values.length / 32), codes: passes.make(values.length / 4) };
  passes.add(SYMMETRIC, fits.scales.length, [values, fits.scales, fits.codes], [nmax]);
  return fits;
}

const AFFINE = itemKernel(
  'round affinely',
  { reads: ['values'], writes: ['scales', 'mins', 'codes'], sizes: ['nmax'] },
  /* wgsl */ `
fn item(i: u32) {
  let nmax = i32(sizes.nmax);
  var least = F_INFINITY;
  var most = F_SIGN | F_INFINITY;
  for (var j = 0u; j < 32u; j++) {
    let v = values[i * 32u + j];
    if (fLess(v, least)) { least = v; }
    if (fLess(most, v)) { most = v; }
  }
  let d = fDiv(fSub(most, least), fFromInt(nmax));
  let inverse = select(fDiv(ONE, d), 0u, fZero(d));
  scales[i] = d;
  mins[i] = least ^ F_SIGN;
  for (var word = 8u * i; word < 8u * i + 8u; word++) {
    var four = 0u;
    for (var j = 0u; j < 4u; j++) {
      let scaled = fMul(fSub(values[4u * word + j], least), inverse);
      four |= (u32(min(nmax, fTruncate(fAdd(scaled, 0x3f000000u)))) & 255u) << (8u * j); // + ½
    }
    codes[word] = four;
  }
}`,
);

/** d = (max − min) / nmax, codes truncated after adding ½; of −0 and 0 the first is the minimum, whose sign is stored. */
export function roundAffinely(passes: Passes, values: Words, nmax: number): AffineFits {
  const [scales, mins] = [passes.make(values.length / 32), passes.make(values.length / 32)];
  const codes = passes.make(values.length / 4);
  passes.add(AFFINE, scales.length, [values, scales, mins, codes], [nmax]);
  return { scales, mins, codes };
}

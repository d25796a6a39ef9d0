// Steps between the levels of a super-block's parts on the GPU: d as it is stored times the codes as they are stored.

import type { GpuKernel } from './kernel.ts';
import { byteReader, itemKernel, type Passes, type Words } from './passes.ts';
import type { ScaleCodes } from './scaleCodes.ts';

const SIGNED_STEPS = itemKernel(
  'steps of signed codes',
  { reads: ['d', 'codes'], writes: ['steps'], sizes: ['base'] },
  /* wgsl */ `
${byteReader('code', 'codes')}
fn item(i: u32) { steps[i] = fMul(halfValue(halfBits(d[i >> 4u])), fFromInt(i32(code(i)) - i32(sizes.base))); }`,
);

/** d as stored · (code − base), one float32 a part. */
export function signedSteps(passes: Passes, { d, codes }: ScaleCodes, base: number): Words {
  const steps = passes.make(d.length * 16);
  passes.add(SIGNED_STEPS, steps.length, [d, codes, steps], [base]);
  return steps;
}

/** What requantization goes by, and what is stored. */
export interface ScaleMins {
  /** One float32 a part. */
  readonly steps: Words;
  readonly leasts: Words;
  /** One word a part: the scale's code, the minimum's 8 bits above it. */
  readonly stored: Words;
}

/** @param stored WGSL `fn stored(i: u32) -> vec2u`: codes of part i as they can be read again, of `scaleCode` and `minCode` */
function scaleMinKernel(name: string, stored: string): GpuKernel {
  return itemKernel(
    name,
    { reads: ['d', 'scaleCodes', 'dmin', 'minCodes'], writes: ['steps', 'leasts', 'kept'], sizes: ['parts', 'most'] },
    /* wgsl */ `
${byteReader('scaleCode', 'scaleCodes')}
${byteReader('minCode', 'minCodes')}
${stored}
fn item(i: u32) {
  let codes = stored(i);
  let floats = vec2u(d[i / sizes.parts], dmin[i / sizes.parts]);
  var products = vec2u();
  for (var side = 0u; side < 2u; side++) {
    products[side] = fMul(halfValue(halfBits(floats[side])), fFromInt(i32(codes[side])));
  }
  steps[i] = products.x;
  leasts[i] = products.y;
  kept[i] = codes.x | (codes.y << 8u);
}`,
  );
}

/** Scales found with weights may be negative: their codes spill into their neighbours' bits, as in ggml. */
const SIX_BIT = scaleMinKernel(
  'steps of six-bit codes',
  /* wgsl */ `
fn raw(i: u32) -> vec2u { return min(vec2u(scaleCode(i), minCode(i)), vec2u(sizes.most)); }
fn stored(i: u32) -> vec2u {
  let own = raw(i);
  if ((i & 7u) < 4u) { return own & vec2u(63u); }
  return (own & vec2u(15u)) | ((((own >> vec2u(4u)) | (raw(i - 4u) >> vec2u(6u))) & vec2u(3u)) << vec2u(4u));
}`,
);

/** Eight parts. @param most codes beyond it are clamped before they are stored */
export function sixBitSteps(passes: Passes, scales: ScaleCodes, mins: ScaleCodes, most: number): ScaleMins {
  return scaleMinSteps(passes, SIX_BIT, scales, mins, [8, most]);
}

/** A scale's code beyond 15 spills into the minimum's bits. */
const FOUR_BIT = scaleMinKernel(
  'steps of four-bit codes',
  /* wgsl */ `
fn stored(i: u32) -> vec2u {
  let both = (scaleCode(i) | (minCode(i) << 4u)) & 255u;
  return vec2u(both & 15u, both >> 4u);
}`,
);

/** Sixteen parts. */
export function fourBitSteps(passes: Passes, scales: ScaleCodes, mins: ScaleCodes): ScaleMins {
  return scaleMinSteps(passes, FOUR_BIT, scales, mins, [16, 255]);
}

function scaleMinSteps(
  passes: Passes,
  kernel: GpuKernel,
  scales: ScaleCodes,
  mins: ScaleCodes,
  [parts, most]: readonly [parts: number, most: number],
): ScaleMins {
  const count = scales.d.length * parts;
  const out = { steps: passes.make(count), leasts: passes.make(count), stored: passes.make(count) };
  const words = [scales.d, scales.codes, mins.d, mins.codes, out.steps, out.leasts, out.stored];
  passes.add(kernel, count, words, [parts, most]);
  return out;
}

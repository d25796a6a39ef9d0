// Q8_0, Q4_0, Q5_0, Q4_1, Q5_1 and IQ4_NL on the GPU: blocks of 32 with one scale, and a minimum for some.

import type { DType } from '../../tensor/dtype.ts';
import { WEIGHTED_SEARCH } from '../reference/scaleMinBlock.ts';
import { fitAffine } from './affineFit.ts';
import { mixed, squares, squaresOfRuns } from './importance.ts';
import { fitLevels, levelCodes } from './levelFit.ts';
import { type Layout, layout, pack, type Recipe, type Tile } from './packing.ts';
import type { Passes, Words } from './passes.ts';
import { roundAffinely, roundSymmetrically, roundToEightBits } from './roundToNearest.ts';
import { fitSymmetric } from './symmetricFit.ts';

/** Element j in the low nibble of byte j, j + 16 in the high one; bit j of the fifth bits is bit 4 of element j. */
const NIBBLES = /* wgsl */ `
fn nibbles(block: u32, k: u32) -> u32 { return (code(block, k) & 15u) | ((code(block, k + 16u) & 15u) << 4u); }`;
const FIFTH_BITS = /* wgsl */ `
fn fifthBits(block: u32, k: u32) -> u32 {
  var bits = 0u;
  for (var j = 0u; j < 8u; j++) { bits |= ((code(block, 8u * k + j) >> 4u) & 1u) << j; }
  return bits;
}`;

/** d f16 | i8 qs[32] */
const Q8_0 = layout(
  'Q8_0',
  ['d'],
  /* wgsl */ `
fn blockByte(block: u32, k: u32) -> u32 {
  if (k < 2u) { return half(d[block], k); }
  return code(block, k - 2u);
}`,
);

/** d f16 | qs[16] */
const fourBitLayout = (type: DType): Layout =>
  layout(
    type,
    ['d'],
    /* wgsl */ `${NIBBLES}
fn blockByte(block: u32, k: u32) -> u32 {
  if (k < 2u) { return half(d[block], k); }
  return nibbles(block, k - 2u);
}`,
  );
const Q4_0 = fourBitLayout('Q4_0');
const IQ4_NL = fourBitLayout('IQ4_NL');

/** d f16 | qh[4] | qs[16] */
const Q5_0 = layout(
  'Q5_0',
  ['d'],
  /* wgsl */ `${NIBBLES}${FIFTH_BITS}
fn blockByte(block: u32, k: u32) -> u32 {
  if (k < 2u) { return half(d[block], k); }
  if (k < 6u) { return fifthBits(block, k - 2u); }
  return nibbles(block, k - 6u);
}`,
);

/** d f16 | m f16 | qs[16]; minus m is what comes. */
const Q4_1 = layout(
  'Q4_1',
  ['d', 'mins'],
  /* wgsl */ `${NIBBLES}
fn blockByte(block: u32, k: u32) -> u32 {
  if (k < 2u) { return half(d[block], k); }
  if (k < 4u) { return half(mins[block] ^ F_SIGN, k - 2u); }
  return nibbles(block, k - 4u);
}`,
);

/** d f16 | m f16 | qh[4] | qs[16]; minus m is what comes. */
const Q5_1 = layout(
  'Q5_1',
  ['d', 'mins'],
  /* wgsl */ `${NIBBLES}${FIFTH_BITS}
fn blockByte(block: u32, k: u32) -> u32 {
  if (k < 2u) { return half(d[block], k); }
  if (k < 4u) { return half(mins[block] ^ F_SIGN, k - 2u); }
  if (k < 8u) { return fifthBits(block, k - 4u); }
  return nibbles(block, k - 8u);
}`,
);

const symmetric =
  (to: Layout, nmax: number): Recipe =>
  (passes, tile) => {
    const importance = rowImportance(passes, tile);
    const { scales, codes } =
      importance === null
        ? roundSymmetrically(passes, tile.values, nmax)
        : fitSymmetric(passes, tile.values, importance, 32, nmax);
    return pack(passes, to, codes, scales);
  };

const affine =
  (to: Layout, nmax: number): Recipe =>
  (passes, tile) => {
    const importance = rowImportance(passes, tile);
    const { scales, mins, codes } =
      importance === null
        ? roundAffinely(passes, tile.values, nmax)
        : fitAffine(passes, tile.values, importance, 32, { nmax, ...WEIGHTED_SEARCH }, true);
    return pack(passes, to, codes, scales, mins);
  };

/** weight · √(mean x² of the row + x²), or null without weights. */
function rowImportance(passes: Passes, { values, columns, weights }: Tile): Words | null {
  return weights && mixed(passes, values, weights, squaresOfRuns(passes, values, columns, 1, columns));
}

/** Types whose importance with weights depends on the whole row. */
export const ROW_IMPORTANCE: ReadonlySet<DType> = new Set(['Q4_0', 'Q5_0', 'Q4_1', 'Q5_1']);

export const LEGACY_QUANTS: Partial<Record<DType, Recipe>> = {
  /** ggml has nothing to weight in it. */
  Q8_0: (passes, { values }) => {
    const { scales, codes } = roundToEightBits(passes, values);
    return pack(passes, Q8_0, codes, scales);
  },
  Q4_0: symmetric(Q4_0, 8),
  Q5_0: symmetric(Q5_0, 16),
  Q4_1: affine(Q4_1, 15),
  Q5_1: affine(Q5_1, 31),
  IQ4_NL: (passes, { values, weights }) => {
    const importance =
      weights === null
        ? squares(passes, values)
        : mixed(passes, values, weights, squaresOfRuns(passes, values, 32, 2 / 32, 1));
    const scales = fitLevels(passes, values, importance);
    return pack(passes, IQ4_NL, levelCodes(passes, values, scales), scales);
  },
};

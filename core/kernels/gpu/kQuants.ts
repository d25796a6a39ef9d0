// Q2_K … Q6_K and IQ4_XS on the GPU: super-blocks of 256 whose parts have integer scales.

import type { DType } from '../../tensor/dtype.ts';
import type { AffineSearch } from '../reference/fitScaleAndMin.ts';
import { GROUP_MAX_EPS } from '../reference/makeQxQuants.ts';
import { Q2_K_SEARCH } from '../reference/quantizeQ2_K.ts';
import { Q4_K_SEARCH } from '../reference/quantizeQ4_K.ts';
import { Q5_K_SEARCH } from '../reference/quantizeQ5_K.ts';
import { WEIGHTED_SEARCH } from '../reference/scaleMinBlock.ts';
import { BLOCK } from '../reference/superBlock.ts';
import { fitAffine } from './affineFit.ts';
import { magnitudes, mixed, ofColumns, squares, squaresOfRuns, sumsOfRuns } from './importance.ts';
import { fitLevels, levelCodes, levelScales } from './levelFit.ts';
import { type Layout, pack, type Recipe } from './packing.ts';
import type { Passes, Words } from './passes.ts';
import { requantize } from './requantize.ts';
import {
  codesByLargest,
  type ScaleCodes,
  searchedCodes,
  searchedSignedCodes,
  signedCodesByLargest,
} from './scaleCodes.ts';
import { fourBitSteps, type ScaleMins, signedSteps, sixBitSteps } from './scaleSteps.ts';
import { IQ4_XS, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K } from './superBlockLayouts.ts';
import { fitByDescent, fitSymmetric } from './symmetricFit.ts';

/** Of float32, above 0. */
const SMALLEST = 2 ** -149;

interface ScaleMinType {
  readonly to: Layout;
  readonly search: AffineSearch;
  /** Values of a part. */
  readonly size: 16 | 32;
  /** Largest code of a scale. */
  readonly levels: number;
  readonly steps: (passes: Passes, scales: ScaleCodes, mins: ScaleCodes) => ScaleMins;
  /** Whether importance without weights is √(mean x² of the part) + |x|, not |x| alone. */
  readonly spread: boolean;
  /** With weights σ² is this many times the mean square. */
  readonly sigmaFactor: number;
}

/** x ≈ d · scale · code − dmin · min */
const scaleMin =
  ({ to, search, size, levels, steps: stepsOf, spread, sigmaFactor }: ScaleMinType): Recipe =>
  (passes, { values, weights }) => {
    const importance =
      weights === null
        ? magnitudes(passes, values, spread ? squaresOfRuns(passes, values, size, 1, size) : null)
        : mixed(passes, values, weights, squaresOfRuns(passes, values, BLOCK, sigmaFactor, BLOCK));
    const found = weights === null ? search : { nmax: search.nmax, ...WEIGHTED_SEARCH };
    const fits = fitAffine(passes, values, importance, size, found, weights !== null);
    const ofParts = weights && sumsOfRuns(passes, importance, size);
    const codesOf = (floats: Words): ScaleCodes =>
      ofParts === null
        ? codesByLargest(passes, floats, BLOCK / size, levels)
        : searchedCodes(passes, floats, ofParts, BLOCK / size, levels);
    const [scales, mins] = [codesOf(fits.scales), codesOf(fits.mins)];
    const { steps, leasts, stored } = stepsOf(passes, scales, mins);
    requantize(passes, values, fits.codes, steps, leasts, [0, search.nmax]);
    return pack(passes, to, fits.codes, scales.d, mins.d, stored);
  };

/** x ≈ d · (scale − 32) · (code − 4) */
const q3_K: Recipe = (passes, { values, weights }) => {
  const importance = weights && mixed(passes, values, weights, squaresOfRuns(passes, values, BLOCK, 2, BLOCK));
  const fits = importance === null ? fitByDescent(passes, values) : fitSymmetric(passes, values, importance, 16, 4);
  const scales =
    importance === null
      ? signedCodesByLargest(passes, fits.scales, SMALLEST, 32)
      : searchedSignedCodes(passes, fits.scales, sumsOfRuns(passes, importance, 16), 32);
  requantize(passes, values, fits.codes, signedSteps(passes, scales, 32), null, [-4, 3]);
  return pack(passes, Q3_K, fits.codes, scales.d, scales.codes);
};

/** x ≈ d · scale · (code − 32) */
const q6_K: Recipe = (passes, { values, weights }) => {
  const importance = weights === null ? squares(passes, values) : ofColumns(passes, values, weights);
  const fits = fitSymmetric(passes, values, importance, 16, 32);
  const scales = signedCodesByLargest(passes, fits.scales, GROUP_MAX_EPS, 128);
  requantize(passes, values, fits.codes, signedSteps(passes, scales, 128), null, [-32, 31]);
  return pack(passes, Q6_K, fits.codes, scales.d, scales.codes);
};

/** x ≈ d · (scale − 32) · level of the code */
const iq4_XS: Recipe = (passes, { values, weights }) => {
  const importance =
    weights === null
      ? squares(passes, values)
      : mixed(passes, values, weights, squaresOfRuns(passes, values, BLOCK, Math.fround(2 / BLOCK), 1));
  const { d, codes, steps } = levelScales(passes, fitLevels(passes, values, importance));
  return pack(passes, IQ4_XS, levelCodes(passes, values, steps), d, codes);
};

export const K_QUANTS: Partial<Record<DType, Recipe>> = {
  Q2_K: scaleMin({
    to: Q2_K,
    search: Q2_K_SEARCH,
    size: 16,
    levels: 15,
    steps: fourBitSteps,
    spread: false,
    sigmaFactor: 1,
  }),
  Q3_K: q3_K,
  Q4_K: scaleMin({
    to: Q4_K,
    search: Q4_K_SEARCH,
    size: 32,
    levels: 63,
    steps: (passes, scales, mins) => sixBitSteps(passes, scales, mins, 255),
    spread: true,
    sigmaFactor: 2,
  }),
  Q5_K: scaleMin({
    to: Q5_K,
    search: Q5_K_SEARCH,
    size: 32,
    levels: 63,
    steps: (passes, scales, mins) => sixBitSteps(passes, scales, mins, 63),
    spread: true,
    sigmaFactor: 2,
  }),
  Q6_K: q6_K,
  IQ4_XS: iq4_XS,
};

// Importance of every value on the GPU: what the searches weigh errors with.

import { floatBits } from './float32.ts';
import { itemKernel, type Passes, type Words } from './passes.ts';

const SUMS = itemKernel(
  'sums of runs',
  { reads: ['values'], writes: ['sums'], sizes: ['run', 'squared', 'factor', 'divisor'] },
  /* wgsl */ `
fn item(i: u32) {
  var sum = 0u;
  for (var k = i * sizes.run; k < (i + 1u) * sizes.run; k++) {
    let v = values[k];
    sum = fAdd(sum, select(v, fMul(v, v), sizes.squared == 1u));
  }
  sums[i] = fDiv(fMul(sum, sizes.factor), sizes.divisor);
}`,
);

/** Sums of `run` values each, in order. */
export function sumsOfRuns(passes: Passes, values: Words, run: number): Words {
  return runSums(passes, values, [run, 0, floatBits(1), floatBits(1)]);
}

/** factor · Σ x² / divisor of `run` values each, in order. */
export function squaresOfRuns(passes: Passes, values: Words, run: number, factor: number, divisor: number): Words {
  return runSums(passes, values, [run, 1, floatBits(factor), floatBits(divisor)]);
}

function runSums(passes: Passes, values: Words, sizes: readonly [run: number, ...number[]]): Words {
  const sums = passes.make(values.length / sizes[0]);
  passes.add(SUMS, sums.length, [values, sums], sizes);
  return sums;
}

const SQUARES = itemKernel(
  'x²',
  { reads: ['values'], writes: ['importance'] },
  'fn item(i: u32) { importance[i] = fMul(values[i], values[i]); }',
);

export function squares(passes: Passes, values: Words): Words {
  const importance = passes.make(values.length);
  passes.add(SQUARES, values.length, [values, importance]);
  return importance;
}

const MAGNITUDES = itemKernel(
  '√mean square + |x|',
  { reads: ['values', 'squares'], writes: ['importance'], sizes: ['run'] },
  'fn item(i: u32) { importance[i] = fAdd(fSqrt(squares[i / sizes.run]), fAbs(values[i])); }',
);

/** √(mean square of the run) + |x|; |x| alone without mean squares. */
export function magnitudes(passes: Passes, values: Words, meanSquares: Words | null): Words {
  const importance = passes.make(values.length);
  const means = meanSquares ?? passes.make(1);
  passes.add(MAGNITUDES, values.length, [values, means, importance], [values.length / means.length]);
  return importance;
}

/** Weights of columns, from one column on. */
export interface ColumnWeights {
  readonly words: Words;
  /** Column of the first value. */
  readonly first: number;
}

const COLUMN_WEIGHTS = itemKernel(
  'weights of columns',
  { reads: ['columnWeights'], writes: ['importance'], sizes: ['columns', 'first'] },
  'fn item(i: u32) { importance[i] = columnWeights[(sizes.first + i) % sizes.columns]; }',
);

/** The weight of the column alone. */
export function ofColumns(passes: Passes, values: Words, { words, first }: ColumnWeights): Words {
  const importance = passes.make(values.length);
  passes.add(COLUMN_WEIGHTS, values.length, [words, importance], [words.length, first]);
  return importance;
}

const MIXED = itemKernel(
  'weight · √(σ² + x²)',
  { reads: ['values', 'columnWeights', 'sigma2'], writes: ['importance'], sizes: ['columns', 'first', 'run'] },
  /* wgsl */ `
fn item(i: u32) {
  let v = values[i];
  let weight = columnWeights[(sizes.first + i) % sizes.columns];
  importance[i] = fMul(weight, fSqrt(fAdd(sigma2[i / sizes.run], fMul(v, v))));
}`,
);

/** weight · √(σ² + x²), σ² of the run: reference/superBlock.ts `mixedWeights`. */
export function mixed(passes: Passes, values: Words, { words, first }: ColumnWeights, sigma2: Words): Words {
  const importance = passes.make(values.length);
  const run = values.length / sigma2.length;
  passes.add(MIXED, values.length, [values, words, sigma2, importance], [words.length, first, run]);
  return importance;
}

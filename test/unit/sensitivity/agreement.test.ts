// How far cheap scores rank tensors as the measured divergence of their probes does; docs/adr/0012 has a longer run.

import { afterAll, expect, test } from 'vitest';
import { createPool } from '../../../core/kernels/pool.ts';
import type { ScoreId } from '../../../core/protocol/calibration.ts';
import type { ScoredTensor } from '../../../core/sensitivity/score.ts';
import { fisher } from '../../../core/sensitivity/scores/fisher.ts';
import { gradientTimesError } from '../../../core/sensitivity/scores/gradientTimesError.ts';
import { hessianTrace } from '../../../core/sensitivity/scores/hessianTrace.ts';
import { measuredDivergence } from '../../../core/sensitivity/scores/measuredDivergence.ts';
import { measured, sampleRun } from './scoredModel.ts';

const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

/** Rank of each value, 0 for the smallest; values are all different. */
function ranks(values: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  return values.map((value) => sorted.indexOf(value));
}

/** Spearman's rank correlation. */
function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)];
  const squares = x.reduce((sum, rank, i) => sum + (rank - (y[i] ?? 0)) ** 2, 0);
  return 1 - (6 * squares) / (a.length * (a.length ** 2 - 1));
}

test('scores of the sample against measured divergence × error', async () => {
  const run = await sampleRun(pool, { context: 64, sequences: 6, seed: 2 });
  const found = {
    ...(await measured(hessianTrace, run)),
    ...(await measured(gradientTimesError, run)),
    ...(await measured(fisher, run)),
    ...(await measured(measuredDivergence, run)),
  };
  const divergences = [...found.measuredDivergence].map(
    ([name, { value, relativeError }]) => [name, value * relativeError] as const,
  );
  expect(divergences).toHaveLength(44);
  const agreement = (rows: Map<string, ScoredTensor>): number =>
    rankCorrelation(
      divergences.map(([name]) => rows.get(name)?.value ?? Number.NaN),
      divergences.map(([, divergence]) => divergence),
    );
  const table = Object.entries(found).map(([id, rows]) => [id as ScoreId, agreement(rows)] as const);
  console.info(table.map(([id, rho]) => `${id.padEnd(20)} ${rho.toFixed(3)}`).join('\n'));
  const of = Object.fromEntries(table);

  // Both follow the change to the predictions, or to just before them.
  expect(of.fisher).toBeGreaterThan(0.9);
  expect(of.propagatedError).toBeGreaterThan(0.7);
  // Of 44 tensors without any relation, one run in 2,000 would come to half.
  expect(of.blockOutputError).toBeGreaterThan(0.5);
  // Shares of single products know nothing of what follows: nothing is promised of them.

  const ratios = divergences.map(([name, divergence]) => (found.fisher.get(name)?.value ?? 0) / divergence);
  const middle = ratios.toSorted((a, b) => a - b)[22] ?? 0;
  // The same quantity to second order, in the same unit; one draw of tokens from predictions is noise on each tensor.
  expect(middle).toBeGreaterThan(0.7);
  expect(middle).toBeLessThan(1.4);
}, 120_000);

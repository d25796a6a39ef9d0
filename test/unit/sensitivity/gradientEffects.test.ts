// Scores from gradients: against differences of the loss of really changed models, and sums written out.

import { afterAll, describe, expect, test } from 'vitest';
import { logSumExp } from '../../../core/evaluation/likelihood.ts';
import { type Replaced, runBlocks } from '../../../core/forward/blocks.ts';
import { embedTokens } from '../../../core/forward/embed.ts';
import { headLogits } from '../../../core/forward/head.ts';
import { fisherDiagonals } from '../../../core/gradients/fisher.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { probeOf } from '../../../core/sensitivity/probe.ts';
import { roundTrip } from '../../../core/sensitivity/roundTrip.ts';
import type { TextRun } from '../../../core/sensitivity/score.ts';
import { fisher } from '../../../core/sensitivity/scores/fisher.ts';
import { gradientTimesError } from '../../../core/sensitivity/scores/gradientTimesError.ts';
import { measuredDivergence } from '../../../core/sensitivity/scores/measuredDivergence.ts';
import { goldenModel } from '../../fixtures/forward/goldenModels.ts';
import { measured, runOn, SAMPLE } from './scoredModel.ts';

const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const SEQUENCES = [3, 71].map((seed) => Uint32Array.from({ length: 24 }, (_, i) => (i * 37 + seed) % 1000));

/** Mean negative log likelihood of every token after the first of its sequence, float64 from the logits on. */
async function loss({ parts, sequences }: TextRun, layer: number, replaced: Replaced): Promise<number> {
  const { layers, vocabulary } = parts.network;
  const hidden = await embedTokens(parts, sequences, undefined);
  await runBlocks(parts, [hidden], { layers: [0, layer], signal: undefined });
  await runBlocks(parts, [hidden], { layers: [layer, layer + 1], replaced: [replaced], signal: undefined });
  await runBlocks(parts, [hidden], { layers: [layer + 1, layers], signal: undefined });
  const ids = sequences.flatMap((sequence) => [...sequence]);
  let [sum, count] = [0, 0];
  for await (const { first, logits } of headLogits(parts, [hidden], { from: 0, signal: undefined })) {
    const [own = new Float32Array()] = logits;
    for (let row = 0; row * vocabulary < own.length; row++) {
      if ((first + row + 1) % (sequences[0]?.length ?? 1) === 0) continue;
      const z = own.subarray(row * vocabulary, (row + 1) * vocabulary);
      sum += logSumExp(z) - (z[ids[first + row + 1] ?? 0] ?? 0);
      count++;
    }
  }
  return sum / count;
}

async function changeOf(run: TextRun, name: string) {
  const tensor = run.checkpoint.tensors.find((one) => one.name === name);
  if (tensor === undefined) throw new Error(`no ${name}`);
  const probe = await probeOf(run, tensor, undefined);
  const { values: weight } = await roundTrip(run, tensor, 'F32', undefined);
  return { tensor, weight, change: probe.values.map((value, i) => value - (weight[i] ?? 0)) };
}

describe('one tensor', () => {
  test.each([
    ['model.layers.1.mlp.up_proj.weight', 1, 'up'],
    ['model.layers.4.self_attn.o_proj.weight', 4, 'o'],
  ])('gradient × error of %s is the slope of the loss towards its probe', async (name, layer, module) => {
    const run = await runOn(SAMPLE, SEQUENCES, pool);
    const { weight, change } = await changeOf(run, name);
    const step = 0.1;
    const at = (by: number): Promise<number> =>
      loss(run, layer, { [module]: weight.map((value, i) => value + by * (change[i] ?? 0)) });
    const slope = ((await at(step)) - (await at(-step))) / (2 * step);
    const { gradientTimesError: rows } = await measured(gradientTimesError, run, (tensor) => tensor === name);
    const row = rows.get(name);
    // A step of a tenth leaves a hundredth of the third-order term; float32 forward passes some 1e-6 nats.
    expect(Math.abs((row?.value ?? 0) - Math.abs(slope))).toBeLessThan(0.02 * Math.abs(slope) + 2e-5);
    expect(row?.error).toBeGreaterThan(0);
  });

  test('the Fisher score is ½ Σ F·ΔW² of its diagonal, written out', async () => {
    const name = 'model.layers.3.self_attn.v_proj.weight';
    const run = await runOn(SAMPLE, SEQUENCES, pool);
    const { tensor, change } = await changeOf(run, name);
    const scored = {
      sequences: SEQUENCES,
      from: 0,
      target: (row: number) => SEQUENCES[Math.floor(row / 24)]?.[(row % 24) + 1] ?? null,
    };
    let expected = 0;
    const options = { sampled: 0, wants: (one: { place: { tensor: unknown } }) => one.place.tensor === tensor };
    for await (const { values } of fisherDiagonals(run.parts, scored, options))
      values.forEach((f, i) => {
        expected += (f * (change[i] ?? 0) ** 2) / 2;
      });
    const { fisher: rows } = await measured(fisher, run, (wanted) => wanted === name);
    expect((rows.get(name)?.value ?? 0) / expected).toBeCloseTo(1, 4);
  });
});

describe('other families', () => {
  test.each(['qwen3-moe-stacked', 'gpt2', 'gemma3'])(
    '%s: experts together, matrices as stored, tied head',
    async (name) => {
      const { path, tokens } = goldenModel(name);
      const run = await runOn(path, tokens, pool);
      const { fisher: rows } = await measured(fisher, run);
      const { measuredDivergence: all } = await measured(measuredDivergence, run);
      expect(new Set(rows.keys())).toEqual(new Set(all.keys()));
      for (const { value } of rows.values()) expect(value).toBeGreaterThan(0);
    },
  );
});

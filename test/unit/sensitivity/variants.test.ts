// Scores of variants: equal to what a model that really has the one tensor quantized does.

import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { compareModels } from '../../../core/evaluation/comparison.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { runBlocks } from '../../../core/forward/blocks.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { embedTokens } from '../../../core/forward/embed.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import type { TextRun } from '../../../core/sensitivity/score.ts';
import { blockOutputError } from '../../../core/sensitivity/scores/blockOutputError.ts';
import { measuredDivergence } from '../../../core/sensitivity/scores/measuredDivergence.ts';
import { propagatedError } from '../../../core/sensitivity/scores/propagatedError.ts';
import { goldenModel } from '../../fixtures/forward/goldenModels.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { planFor } from '../export/plans.ts';
import { measured, runOn, SAMPLE } from './scoredModel.ts';

const folder = temporaryFolder();
const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const IDS = Uint32Array.from({ length: 65 }, (_, i) => (i * 37 + 11) % 1000);
const SEQUENCES = [IDS.slice(0, 32), IDS.slice(32, 64)];
const LAYERS = 6;

/** ‖y − ŷ‖² / ‖y‖² after every block, of two checkpoints run on their own. */
async function errorsAlong(original: TextRun, changed: TextRun): Promise<number[]> {
  const states = async ({ parts, sequences }: TextRun): Promise<Float32Array[]> => {
    const hidden = await embedTokens(parts, sequences, undefined);
    const found = [hidden.values.slice()];
    for (let layer = 0; layer < LAYERS; layer++) {
      await runBlocks(parts, [hidden], { layers: [layer, layer + 1], signal: undefined });
      found.push(hidden.values.slice());
    }
    return found;
  };
  const theirs = await states(changed);
  return (await states(original)).map((own, at) => {
    const other = theirs[at] ?? new Float32Array();
    return sumOf(own, (y, i) => (y - (other[i] ?? 0)) ** 2) / sumOf(own, (y) => y * y);
  });
}

function sumOf(values: Float32Array, term: (value: number, index: number) => number): number {
  return values.reduce((sum, value, index) => sum + term(value, index), 0);
}

/** The sample with one tensor as Q3_K, written by the exporter; everything else stays BF16, as the sample has it. */
async function withQuantized(name: string): Promise<string> {
  const checkpoint = await openCheckpoint(SAMPLE);
  const output = join(folder, `${name}.gguf`);
  const plan = planFor(checkpoint, (tensor) => (tensor === name ? 'Q3_K' : 'BF16'));
  await runExport('gguf', { checkpoint, plan, output, overwrite: true }, { pool });
  return output;
}

describe('one quantized tensor', () => {
  test.each([
    ['model.embed_tokens.weight', 0],
    ['model.layers.2.mlp.gate_proj.weight', 3],
    ['model.layers.5.self_attn.v_proj.weight', 6],
    ['lm_head.weight', LAYERS + 1],
  ])('%s changes states and predictions as the exported model does', async (name, from) => {
    const original = await runOn(SAMPLE, SEQUENCES, pool);
    const found = await measured(measuredDivergence, original, (tensor) => tensor === name);
    const path = await withQuantized(name);
    const changed = await Decoder.open(await openCheckpoint(path), pool);
    const { divergence } = await compareModels(await Decoder.open(await openCheckpoint(SAMPLE), pool), changed, IDS, {
      context: 32,
      score: 'all',
      begin: null,
    });
    const row = found.measuredDivergence.get(name);
    expect(divergence.mean).toBeGreaterThan(1e-4);
    // Float32 sums over 1,024 logits against float64 ones.
    expect((row?.value ?? 0) * (row?.relativeError ?? 0)).toBeCloseTo(divergence.mean, 6);
    expect(row?.probe).toBe('Q3_K');
    expect(row?.error).toBeGreaterThan(0);

    const curve = found.propagatedError.get(name)?.curve ?? [];
    const expected = (await errorsAlong(original, await runOn(path, SEQUENCES, pool))).slice(from);
    if (name === 'lm_head.weight') expect(curve).toHaveLength(1);
    else expectClose(curve, expected);
    expect(found.propagatedError.get(name)?.value).toBe(curve.at(-1));
    expect(found.blockOutputError.get(name)?.value).toBe(curve[0]);
  });
});

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [at, value] of found.entries()) expect(value / (expected[at] ?? 0)).toBeCloseTo(1, 3);
}

describe('the sample', () => {
  test('every weight once; shorter runs give the same numbers, and so does the same run again', async () => {
    const run = await runOn(SAMPLE, SEQUENCES, pool);
    const all = await measured(measuredDivergence, run);
    expect(all.measuredDivergence.size).toBe(LAYERS * 7 + 2);
    for (const { value, error } of all.measuredDivergence.values()) {
      expect(value).toBeGreaterThan(0);
      expect(error).toBeGreaterThan(0);
    }
    expect((await measured(propagatedError, run)).propagatedError).toEqual(all.propagatedError);
    expect((await measured(blockOutputError, run)).blockOutputError).toEqual(all.blockOutputError);
    expect(await measured(measuredDivergence, run)).toEqual(all);
  });
});

describe('other families', () => {
  // Experts one by one and stacked, matrices stored [in, out], a tied head, an encoder.
  test.each(['mixtral', 'qwen3-moe-stacked', 'gpt2', 'gemma3', 'bert'])('%s', async (name) => {
    const { path, tokens } = goldenModel(name);
    const run = await runOn(path, tokens, pool);
    const { measuredDivergence: rows } = await measured(measuredDivergence, run);
    expect(rows.size).toBeGreaterThan(8);
    for (const { value, relativeError } of rows.values()) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(relativeError).toBeGreaterThan(0);
    }
  });
});

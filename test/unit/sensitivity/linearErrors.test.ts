// Errors at the output of linear layers, against plain float64 sums with the whole Hessian written out.

import { afterAll, describe, expect, test } from 'vitest';
import { matrixShape } from '../../../core/checkpoint/checkpoint.ts';
import { type Observer, runBlocks } from '../../../core/forward/blocks.ts';
import { embedTokens } from '../../../core/forward/embed.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { probeOf } from '../../../core/sensitivity/probe.ts';
import { roundTrip } from '../../../core/sensitivity/roundTrip.ts';
import type { ScoredTensor, TextRun } from '../../../core/sensitivity/score.ts';
import { activationError } from '../../../core/sensitivity/scores/activationError.ts';
import { hessianTrace } from '../../../core/sensitivity/scores/hessianTrace.ts';
import { goldenModel } from '../../fixtures/forward/goldenModels.ts';
import { measured, runOn, SAMPLE } from './scoredModel.ts';

const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const SEQUENCES = [3, 71, 200].map((seed) => Uint32Array.from({ length: 16 }, (_, i) => (i * 37 + seed) % 1000));

/** What a tap of a layer gives, [rows, columns]. */
async function inputOf({ parts, sequences }: TextRun, layer: number, tap: string): Promise<Float32Array> {
  const found: number[] = [];
  const observer: Observer = {
    outputs({ graph, taps }) {
      const own = taps.find(({ name }) => name === tap);
      if (own !== undefined) graph.output('seen', own.value, [null, own.columns]);
      return own === undefined ? [] : ['seen'];
    },
    receive: (_layer, { seen }) => void found.push(...(seen ?? [])),
  };
  const hidden = await embedTokens(parts, sequences, undefined);
  await runBlocks(parts, [hidden], { layers: [0, layer], signal: undefined });
  await runBlocks(parts, [hidden], { layers: [layer, layer + 1], signal: undefined, observer });
  return Float32Array.from(found);
}

/** Σxᵀx, [columns, columns]. */
function hessian(x: Float32Array, columns: number): Float64Array {
  const h = new Float64Array(columns * columns);
  for (let row = 0; row < x.length; row += columns)
    for (let i = 0; i < columns; i++)
      for (let j = 0; j < columns; j++)
        h[i * columns + j] = (h[i * columns + j] ?? 0) + (x[row + i] ?? 0) * (x[row + j] ?? 0);
  return h;
}

/** tr(M H Mᵀ); of the diagonal of H alone when asked. @param at element of M by output and column */
function trace(
  outputs: number,
  columns: number,
  at: (output: number, column: number) => number,
  h: Float64Array,
  diagonal: boolean,
): number {
  let sum = 0;
  for (let r = 0; r < outputs; r++)
    for (let i = 0; i < columns; i++)
      for (let j = diagonal ? i : 0; j < (diagonal ? i + 1 : columns); j++)
        sum += at(r, i) * (h[i * columns + j] ?? 0) * at(r, j);
  return sum;
}

/** Both scores of a tensor, as their formulas say: hessianTrace and activationError. */
async function expected(run: TextRun, name: string, x: Float32Array, transposed = false) {
  const tensor = run.checkpoint.tensors.find((one) => one.name === name);
  if (tensor === undefined) throw new Error(`no ${name}`);
  const { values: probe } = await probeOf(run, tensor, undefined);
  const { values: weight } = await roundTrip(run, tensor, 'F32', undefined);
  const { rows, columns } = matrixShape(tensor);
  const [outputs, inputs] = transposed ? [columns, rows] : [rows, columns];
  const place = (r: number, c: number): number => (transposed ? c * columns + r : r * columns + c);
  const h = hessian(x, inputs);
  const error = (r: number, c: number): number => (probe[place(r, c)] ?? 0) - (weight[place(r, c)] ?? 0);
  const own = (r: number, c: number): number => weight[place(r, c)] ?? 0;
  const ratio = (diagonal: boolean): number =>
    trace(outputs, inputs, error, h, diagonal) / trace(outputs, inputs, own, h, diagonal);
  return { full: () => ratio(false), diagonal: () => ratio(true) };
}

function expectRatio(row: ScoredTensor | undefined, value: number): void {
  // Float32 products against float64 ones.
  expect((row?.value ?? 0) / value).toBeCloseTo(1, 4);
}

describe('against float64 loops', () => {
  test.each([
    ['model.layers.0.self_attn.k_proj.weight', 0, 'attn_in'],
    ['model.layers.3.self_attn.o_proj.weight', 3, 'o_in'],
    ['model.layers.5.self_attn.v_proj.weight', 5, 'attn_in'],
  ])('%s', async (name, layer, tap) => {
    const run = await runOn(SAMPLE, SEQUENCES, pool);
    const found = await measured(hessianTrace, run, (tensor) => tensor === name);
    const value = await expected(run, name, await inputOf(run, layer, tap));
    const [full, diagonal] = [value.full(), value.diagonal()];
    expectRatio(found.hessianTrace.get(name), full);
    expectRatio(found.activationError.get(name), diagonal);
    expect(found.hessianTrace.get(name)?.error).toBeGreaterThan(0);
    // The inputs of real layers are correlated: the two are different numbers.
    expect(Math.abs(full / diagonal - 1)).toBeGreaterThan(0.01);
  });

  test('a matrix stored [in, out], beside a bias', async () => {
    const { path, tokens } = goldenModel('gpt2');
    const run = await runOn(path, tokens, pool);
    const tensor = run.parts.weights.find(0, 'o');
    const name = tensor?.name ?? '';
    const found = await measured(hessianTrace, run, (wanted) => wanted === name);
    const value = await expected(run, name, await inputOf(run, 0, 'o_in'), true);
    expectRatio(found.hessianTrace.get(name), value.full());
    expectRatio(found.activationError.get(name), value.diagonal());
  });

  test('the head takes normed states, the embedding tokens', async () => {
    const run = await runOn(SAMPLE, SEQUENCES, pool);
    const [head, embedding] = ['lm_head.weight', 'model.embed_tokens.weight'];
    const found = await measured(hessianTrace, run, (tensor) => tensor === head || tensor === embedding);
    const { parts, sequences } = run;
    const { width, layers, vocabulary } = parts.network;
    const hidden = await embedTokens(parts, sequences, undefined);
    await runBlocks(parts, [hidden], { layers: [0, layers], signal: undefined });
    const norm = await parts.weights.load(null, 'norm', [width], undefined);
    const normed = hidden.values.map((value, i) => {
      const row = hidden.values.subarray(i - (i % width), i - (i % width) + width);
      const square = row.reduce((sum, x) => sum + x * x, 0) / width;
      return (value / Math.sqrt(square + 1e-5)) * (norm[i % width] ?? 0);
    });
    expectRatio(found.hessianTrace.get(head), (await expected(run, head, normed)).full());

    // One-hot rows make H the counts of tokens, and both scores the error of the rows that are looked up.
    const counts = new Float64Array(vocabulary);
    for (const id of sequences.flatMap((sequence) => [...sequence])) counts[id] = (counts[id] ?? 0) + 1;
    const tensor = run.checkpoint.tensors.find(({ name }) => name === embedding);
    if (tensor === undefined) throw new Error('no embedding');
    const { values: probe } = await probeOf(run, tensor, undefined);
    const { values: weight } = await roundTrip(run, tensor, 'F32', undefined);
    let [noise, power] = [0, 0];
    weight.forEach((value, i) => {
      const count = counts[Math.floor(i / width)] ?? 0;
      noise += count * ((probe[i] ?? 0) - value) ** 2;
      power += count * value ** 2;
    });
    expectRatio(found.hessianTrace.get(embedding), noise / power);
    expect(found.activationError.get(embedding)).toEqual(found.hessianTrace.get(embedding));
  });
});

describe('other families', () => {
  test('experts stacked into one tensor count together', async () => {
    const { path, tokens } = goldenModel('qwen3-moe-stacked');
    const stacked = await measured(activationError, await runOn(path, tokens, pool));
    const experts = [...stacked.activationError].filter(([name]) => name.includes('experts'));
    expect(experts.length).toBeGreaterThan(0);
    for (const [, { value, relativeError }] of experts) {
      // Weighed by other inputs, but the same weights: of the size of the plain error.
      expect(value / relativeError).toBeGreaterThan(0.5);
      expect(value / relativeError).toBeLessThan(2);
    }
  });

  test.each(['mixtral', 'gemma3', 'bert', 'opt'])('%s: every weight in a product', async (name) => {
    const { path, tokens } = goldenModel(name);
    const { hessianTrace: rows } = await measured(hessianTrace, await runOn(path, tokens, pool));
    expect(rows.size).toBeGreaterThan(8);
    for (const { value } of rows.values()) expect(value).toBeGreaterThan(0);
  });
});

// GPTQ over models of all families: what of them it rounds, and experts however they are stored.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Checkpoint, matrixShape } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { isQuantizable, storedType } from '../../../core/quant/ggufTypes.ts';
import { roundable } from '../../../core/rounding/roundable.ts';
import { RoundedFolder } from '../../../core/rounding/roundedFolder.ts';
import { roundTensors } from '../../../core/rounding/roundTensors.ts';
import { goldenModel } from '../../fixtures/forward/goldenModels.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { floatTensors, stackExperts } from '../forward/storedTensors.ts';

const folder = temporaryFolder();
const pool = createPool(new URL('worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

/** All that fits as Q4_0. */
async function rounded(path: string, sequences: readonly Uint32Array[], name: string) {
  const checkpoint = await openCheckpoint(path);
  const { parts } = await Decoder.open(checkpoint, pool);
  const planned = checkpoint.tensors.filter(isQuantizable);
  const types = new Map(planned.map((one) => [one.index, storedType('Q4_0', matrixShape(one).columns)] as const));
  const wanted = roundable(parts, types);
  const kept = new RoundedFolder(join(folder, name));
  await roundTensors(wanted, { parts, pool, sequences, folder: kept });
  const bytes = new Map(wanted.tensors.map((one) => [one.name, readFileSync(kept.source(one, 'Q4_0').path)]));
  const reasons = Object.fromEntries(wanted.others.map(({ tensor, reason }) => [tensor.name, reason]));
  return { checkpoint, bytes, reasons };
}

const layersOf = ({ tensors }: Checkpoint): string[] =>
  tensors
    .filter((one) => isQuantizable(one) && one.layer !== null && matrixShape(one).columns % 32 === 0)
    .map(({ name }) => name);

describe('all linear layers are rounded', () => {
  test.each(['llama', 'llama-biased', 'mistral', 'qwen2', 'qwen3', 'phi3', 'gemma2', 'gemma3', 'gpt-neox', 'opt'])(
    'of %s',
    async (name) => {
      const { path, tokens } = goldenModel(name);
      const { checkpoint, bytes, reasons } = await rounded(path, tokens, name);
      expect([...bytes.keys()]).toEqual(expect.arrayContaining(layersOf(checkpoint)));
      // What is left is the token embedding, positions aside, whatever it is called; as the head as well where they are tied.
      for (const reason of Object.values(reasons))
        expect(reason).toMatch(/^(no input of it is measured|it is the embedding as well)$/);
      const tied = checkpoint.tensors.every((one) => one.role !== 'output');
      expect(Object.values(reasons).includes('it is the embedding as well')).toBe(tied);
    },
  );

  test('but for weights stored the other way around', async () => {
    const { path, tokens } = goldenModel('gpt2');
    const { checkpoint, bytes, reasons } = await rounded(path, tokens, 'gpt2');
    const transposed = layersOf(checkpoint);
    expect(transposed.length).toBeGreaterThan(0);
    for (const name of transposed) expect(reasons[name]).toBe('its rows are inputs');
    expect([...bytes.keys()].filter((name) => transposed.includes(name))).toEqual([]);
  });
});

test('experts of one tensor are rounded each by its own Hessian, as those with a tensor each', async () => {
  const { path, tokens } = goldenModel('mixtral');
  const stacked = join(folder, 'mixtral-stacked');
  mkdirSync(stacked);
  writeSafetensors(join(stacked, 'model.safetensors'), stackExperts(floatTensors(path)));
  writeFileSync(join(stacked, 'config.json'), readFileSync(join(path, 'config.json')));
  const single = await rounded(path, tokens, 'experts');
  const whole = await rounded(stacked, tokens, 'stacks');
  const stacks = whole.checkpoint.tensors.filter(({ name, shape }) => shape.length === 3 && whole.bytes.has(name));
  expect(stacks.length).toBe(2); // gate and up of a layer together; rows of down have 16 columns
  for (const { name, layer } of stacks) {
    const expert = (number: number, part: string): Buffer => {
      const own = [...single.bytes].filter(([one]) => one.includes(`layers.${layer}.`));
      return own.find(([one]) => one.endsWith(`experts.${number}.${part}.weight`))?.[1] ?? Buffer.alloc(0);
    };
    const expected = Buffer.concat([0, 1, 2, 3].flatMap((number) => [expert(number, 'w1'), expert(number, 'w3')]));
    expect(expected).toHaveLength((whole.bytes.get(name) ?? []).length);
    expect(Buffer.compare(whole.bytes.get(name) ?? Buffer.alloc(0), expected), name).toBe(0);
  }
});

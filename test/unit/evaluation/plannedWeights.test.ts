// Plans evaluated without a file: the very numbers their exported files give.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { compareChanges, compareModels } from '../../../core/evaluation/comparison.ts';
import { cutSequences } from '../../../core/evaluation/sequences.ts';
import { plannedTypes } from '../../../core/export/plannedTypes.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { plannedWeights } from '../../../core/forward/plannedWeights.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import type { GgufTarget } from '../../../core/quant/ggufTypes.ts';
import type { Importance } from '../../../core/quant/importance.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { allOf, planFor } from '../export/plans.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const folder = temporaryFolder();
const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const IDS = Uint32Array.from({ length: 100 }, (_, i) => (i * 37 + 11) % 1000);
const OPTIONS = { context: 32, score: 'all', begin: null } as const;
const MIXTURE: readonly GgufTarget[] = ['Q4_K', 'Q6_K', 'Q5_0', 'IQ4_XS', 'Q8_0', 'F16', 'Q2_K', 'BF16'];

const sample = await openCheckpoint(SAMPLE);
const original = await Decoder.open(sample, pool);
const byName = new Map(sample.tensors.map(({ name, index }) => [name, index]));

function asPlanned(typeOf: (name: string, at: number) => GgufTarget, importance?: Importance): Decoder {
  const types = [...plannedTypes(sample, planFor(sample, typeOf))].map(([name, type]) => {
    return [byName.get(name) ?? 0, type] as const;
  });
  return original.withWeights(plannedWeights(original.parts.weights, new Map(types), importance));
}

async function exported(name: string, typeOf: (name: string, at: number) => GgufTarget, importance?: Importance) {
  const output = join(folder, `${name}.gguf`);
  const plan = planFor(sample, typeOf);
  await runExport('gguf', { checkpoint: sample, plan, output, overwrite: true, importance }, { pool });
  return output;
}

const hashOf = (values: Float32Array): string => createHash('sha256').update(values).digest('hex');

/** Uneven columns, so that a quantizer that ignores them writes other bytes. */
const importance: Importance = {
  id: 'test',
  name: 'test',
  tensors: sample.tensors.length,
  columns: (tensor) =>
    Float32Array.from({ length: sample.tensors[tensor]?.shape.at(-1) ?? 0 }, (_, c) => 0.01 + (c % 17) ** 2),
};

describe.each([
  ['without importance', undefined],
  ['with importance', importance],
] as const)('a mixture of types %s', (name, weighted) => {
  const typeOf = (_: string, at: number): GgufTarget => MIXTURE[at % MIXTURE.length] ?? 'Q8_0';

  test('gives the weights of the exported file bit for bit', async () => {
    const file = await openCheckpoint(await exported(name, typeOf, weighted));
    const written = (await Decoder.open(file, pool)).parts.weights;
    const planned = asPlanned(typeOf, weighted).parts.weights;
    let changed = 0;
    // GGUF's Llama has the rows of queries and keys in another order; all others lie as they did.
    for (const [layer, module] of [
      ...[0, 3, 5].flatMap((at) => (['v', 'o', 'gate', 'up', 'down'] as const).map((part) => [at, part] as const)),
      [null, 'embed'] as const,
      [null, 'output'] as const,
    ]) {
      const shape = planned.find(layer, module)?.shape ?? [];
      const ours = await planned.load(layer, module, shape, undefined);
      expect(hashOf(ours)).toBe(hashOf(await written.load(layer, module, shape, undefined)));
      const own = await original.parts.weights.load(layer, module, shape, undefined);
      if (ours.some((value, i) => value !== own[i])) changed++;
    }
    expect(changed).toBeGreaterThan(8); // all but those stored as floats
    const rows = Uint32Array.of(3, 900, 7);
    expect(await planned.rows('embed', [1024, 256], rows, undefined)).toEqual(
      await written.rows('embed', [1024, 256], rows, undefined),
    );
  });

  test('diverges as the exported file does', async () => {
    const file = await Decoder.open(await openCheckpoint(await exported(name, typeOf, weighted)), pool);
    const theirs = await compareModels(original, file, IDS, OPTIONS);
    const ours = await compareModels(original, asPlanned(typeOf, weighted), IDS, OPTIONS);
    // The file's queries and keys are in another order, so that float32 sums of a head differ in their last bits.
    expect(Math.abs(ours.divergence.mean - theirs.divergence.mean)).toBeLessThan(1e-6);
    expect(Math.abs(ours.loss - theirs.loss)).toBeLessThan(1e-6);
    expect(ours.divergence.mean).toBeGreaterThan(1e-3);
    expect(ours.topAgreement).toBe(theirs.topAgreement);
  });
});

test('a GGUF file that is quantized again runs bit for bit as the file its plan makes', async () => {
  const source = await openCheckpoint(await exported('source', () => 'F16'));
  const output = join(folder, 'again.gguf');
  await runExport('gguf', { checkpoint: source, plan: allOf(source, 'Q4_K'), output, overwrite: true }, { pool });
  const first = await Decoder.open(source, pool);
  const types = new Map(
    [...plannedTypes(source, allOf(source, 'Q4_K'))].map(([name, type]) => {
      return [source.tensors.findIndex((tensor) => tensor.name === name), type] as const;
    }),
  );
  const planned = first.withWeights(plannedWeights(first.parts.weights, types));
  const file = await Decoder.open(await openCheckpoint(output), pool);
  expect(await compareModels(first, planned, IDS, OPTIONS)).toEqual(await compareModels(first, file, IDS, OPTIONS));
});

test('several plans beside one run of the original give what each gives alone', async () => {
  const plans = (['Q2_K', 'Q4_K', 'Q8_0'] as const).map((type) => asPlanned(() => type));
  const seen: number[] = [];
  const together = await compareChanges(original, plans, cutSequences(IDS, OPTIONS), {
    onProgress: (done, total) => {
      expect(done).toBeLessThanOrEqual(total);
      seen.push(done / total);
    },
  });
  expect(seen.at(-1)).toBe(1);
  for (const [at, plan] of plans.entries()) {
    expect(together[at]).toEqual(await compareModels(original, plan, IDS, OPTIONS));
  }
  const means = together.map(({ divergence }) => divergence.mean);
  expect(means).toEqual(means.toSorted((a, b) => b - a));
});

test('a tensor that is of its type already is left alone', async () => {
  const same = asPlanned(() => 'BF16');
  const { divergence } = await compareModels(original, same, IDS, OPTIONS);
  expect(divergence.largest).toBe(0);
});

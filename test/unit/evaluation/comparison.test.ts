// Divergence between models: the formula on small distributions, zero for a copy, damage for a damaged copy.

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { compareModels } from '../../../core/evaluation/comparison.ts';
import { divergence, logSumExp, topToken } from '../../../core/evaluation/likelihood.ts';
import { Spread } from '../../../core/evaluation/spread.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const folder = temporaryFolder();
const pool = createPool(new URL('../forward/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

describe('formulas', () => {
  test('log of the sum of exponentials, without overflow', () => {
    expect(logSumExp(Float32Array.of(0, 0))).toBeCloseTo(Math.log(2), 12);
    expect(logSumExp(Float32Array.of(1000, 1000))).toBeCloseTo(1000 + Math.log(2), 10);
    expect(logSumExp(Float32Array.of(0, Number.NaN))).toBeNaN();
  });

  test('KL(½,½ ‖ ¼,¾) = ½ ln 2 + ½ ln ⅔; shifts of logits change nothing', () => {
    const p = Float32Array.of(3, 3);
    const q = Float32Array.of(0, Math.log(3));
    expect(divergence(p, q)).toBeCloseTo(0.5 * Math.log(2) + 0.5 * Math.log(2 / 3), 6);
    expect(
      divergence(
        q,
        q.map((logit) => logit + 5),
      ),
    ).toBeCloseTo(0, 6);
  });

  test('the first of equal logits is the top token', () => {
    expect(topToken(Float32Array.of(1, 4, 4, 2))).toBe(1);
  });

  test('mean, standard error and quantiles', () => {
    const spread = new Spread();
    for (let value = 1; value <= 1000; value++) spread.add(value);
    expect(spread.mean).toBe(500.5);
    expect(spread.standardError).toBeCloseTo(Math.sqrt((1000 ** 2 - 1) / 12 / 999), 9);
    expect([spread.quantile(0.99), spread.quantile(0.999), spread.quantile(1)]).toEqual([990, 999, 1000]);
  });
});

describe('models', () => {
  const ids = Uint32Array.from({ length: 130 }, (_, i) => (i * 37 + 11) % 1000);
  const options = { context: 32, score: 'all', begin: null } as const;
  const open = async (path: string) => Decoder.open(await openCheckpoint(path), pool);

  /** A copy of the sample whose last layer's gate lost its low bits. */
  async function damaged(): Promise<string> {
    const copy = join(folder, 'damaged');
    cpSync(SAMPLE, copy, { recursive: true });
    const file = join(copy, 'model.safetensors');
    const bytes = readFileSync(file);
    const { tensors } = await openCheckpoint(SAMPLE);
    const tensor = tensors.find(({ name }) => name === 'model.layers.5.mlp.gate_proj.weight');
    for (let at = 0; at < (tensor?.bytes ?? 0); at += 2) bytes[(tensor?.offset ?? 0) + at] = 0;
    writeFileSync(file, bytes);
    return copy;
  }

  test('a copy diverges by nothing', async () => {
    const result = await compareModels(await open(SAMPLE), await open(SAMPLE), ids, options);
    expect(result.divergence).toMatchObject({ mean: 0, largest: 0 });
    expect(result).toMatchObject({ topAgreement: 1, loss: result.original.loss, tokens: 128 });
  });

  test('a damaged copy diverges, the same way each time', async () => {
    const path = await damaged();
    const first = await compareModels(await open(SAMPLE), await open(path), ids, options);
    expect(first.divergence.mean).toBeGreaterThan(1e-4);
    expect(first.divergence.p99).toBeGreaterThan(first.divergence.mean);
    expect(first.divergence.largest).toBeGreaterThanOrEqual(first.divergence.p999);
    expect(await compareModels(await open(SAMPLE), await open(path), ids, options)).toEqual(first);
  });
});

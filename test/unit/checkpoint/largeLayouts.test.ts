// Layouts of the largest models: headers alone are read, objects are shared, and a scan reads what it is asked for.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { countParameters } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { scanTensors } from '../../../core/stats/scan.ts';
import type { TensorStatistics } from '../../../core/stats/statisticsTypes.ts';
import { llama405b, manyTensors, writeSparseFile, writeSparseShards } from '../../fixtures/sparseModels.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { testPool } from '../stats/harness.ts';

const root = temporaryFolder();

describe('405 billion parameters in 191 shards', () => {
  const folder = join(root, '405b');
  mkdirSync(folder);
  const shards = llama405b();
  const bytes = writeSparseShards(folder, shards);
  const pool = testPool(2);

  test('opens from its headers', async () => {
    expect(shards).toHaveLength(191);
    expect(bytes).toBeGreaterThan(811e9);
    const checkpoint = await openCheckpoint(folder);
    expect(checkpoint.files).toHaveLength(191);
    expect(countParameters(checkpoint.tensors)).toBe(405_853_388_800);
    expect(checkpoint.model).toEqual({ architecture: 'llama', layers: 126 });
    expect(checkpoint.bytesRead).toBeLessThan(1_000_000);
    expect(checkpoint.warnings).toEqual([]);
  });

  test('a scan of one matrix reads that matrix', async () => {
    const checkpoint = await openCheckpoint(folder);
    const tensor = checkpoint.tensors.find(({ name }) => name === 'model.layers.125.self_attn.k_proj.weight');
    const found: TensorStatistics[] = [];
    let total = 0;
    await scanTensors(checkpoint, pool, {
      tensors: [tensor?.index ?? -1],
      onResult: ({ statistics }) => found.push(statistics),
      onProgress: (_, totalBytes) => {
        total = totalBytes;
      },
    });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ count: 1024 * 16_384, zeros: 1024 * 16_384, min: 0, max: 0 });
    expect(total).toBe(1024 * 16_384 * 2);
  });
});

test('a hundred thousand tensors share shapes, stacks and columns', async () => {
  const path = join(root, 'many.safetensors');
  const expected = manyTensors(100_000);
  writeSparseFile(path, expected);
  const { tensors, model } = await openCheckpoint(path);
  expect(tensors).toHaveLength(100_000);
  expect(tensors.every(({ name }, at) => name === expected[at]?.name)).toBe(true);
  expect(model.layers).toBe(Math.ceil(100_000 / 7 / 128));
  expect(new Set(tensors.map(({ shape }) => shape)).size).toBe(1);
  expect(tensors[99_999]).toMatchObject({ index: 99_999, layer: 111, stack: 'h', elements: 4096, bytes: 8192 });
});

// Scales of a packed weight that are NaN or infinite: counted, shown, and never written into blocks.

import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { scanSensitivity } from '../../../core/sensitivity/scan.ts';
import { scanTensors } from '../../../core/stats/scan.ts';
import type { TensorStatistics } from '../../../core/stats/statisticsTypes.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { llamaTensors, testPool, writeLlamaFolder } from '../export/exportFixtures.ts';
import { allOf } from '../export/plans.ts';

const folder = temporaryFolder();
const pool = testPool();
const NAME = 'model.layers.0.mlp.down_proj.weight';
let checkpoint: Checkpoint;
let elements = 0;

/** FP8 codes with one scale for the whole matrix, which is not a number. */
beforeAll(async () => {
  const tensors = llamaTensors().flatMap((tensor) => {
    if (tensor.name !== NAME) return [tensor];
    elements = tensor.shape.reduce((product, n) => product * n, 1);
    return [
      { name: NAME, dtype: 'F8_E4M3', shape: tensor.shape, data: new Uint8Array(elements).fill(0x38) },
      { name: `${NAME}_scale`, dtype: 'F32', shape: [1], data: Float32Array.of(Number.NaN) },
    ];
  });
  const quantization_config = { quant_method: 'fp8', activation_scheme: 'dynamic' };
  checkpoint = await openCheckpoint(writeLlamaFolder(folder, 'fp8', { tensors, config: { quantization_config } }));
});

const index = (): number => checkpoint.tensors.findIndex(({ name }) => name === NAME);

it('is one packed tensor', () => {
  expect(checkpoint.tensors[index()]).toMatchObject({ dtype: 'FP8', storage: { kind: 'packed' } });
});

it('counts every element as NaN', async () => {
  let found: TensorStatistics | undefined;
  await scanTensors(checkpoint, pool, {
    tensors: [index()],
    onResult: ({ statistics }) => {
      found = statistics;
    },
  });
  expect(found).toMatchObject({ nan: elements, inf: 0 });
});

it('has no error a plan could weigh', async () => {
  const errors: number[] = [];
  await scanSensitivity(checkpoint, pool, {
    types: ['Q8_0'],
    cache: false,
    onRow: ({ tensor, damages }) => {
      if (tensor === index()) errors.push(...damages.map(({ relativeError }) => relativeError));
    },
  });
  expect(errors).toEqual([Number.NaN]);
});

it('is refused by name when it is to be quantized', async () => {
  const output = join(folder, 'out.gguf');
  const run = runExport('gguf', { checkpoint, plan: allOf(checkpoint, 'Q8_0'), output, overwrite: false }, { pool });
  await expect(run).rejects.toMatchObject({ code: 'NON_FINITE', message: expect.stringContaining(NAME) });
});

// Measured damage: equal to comparing the original with a copy that has just that tensor quantized.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { compareModels } from '../../../core/evaluation/comparison.ts';
import { cutSequences } from '../../../core/evaluation/sequences.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import type { SensitivityRow } from '../../../core/protocol/objects.ts';
import {
  damagePerError,
  type MeasuredDivergence,
  measureDivergences,
} from '../../../core/sensitivity/measuredDivergence.ts';
import { scanSensitivity } from '../../../core/sensitivity/scan.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { planFor } from '../export/plans.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const folder = temporaryFolder();
const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const IDS = Uint32Array.from({ length: 65 }, (_, i) => (i * 37 + 11) % 1000);
const OPTIONS = { context: 32, score: 'all', begin: null } as const;

const rowsOf = async (): Promise<Map<number, SensitivityRow>> => {
  const rows = new Map<number, SensitivityRow>();
  const model = await openCheckpoint(SAMPLE);
  await scanSensitivity(model, pool, {
    types: ['Q3_K'],
    maxElementsPerTensor: Number.POSITIVE_INFINITY,
    cache: false,
    onRow: (row) => rows.set(row.tensor, row),
  });
  return rows;
};

async function measured(): Promise<{ names: string[]; found: MeasuredDivergence[]; messages: string[] }> {
  const model = await openCheckpoint(SAMPLE);
  const decoder = await Decoder.open(model, pool);
  const messages: string[] = [];
  const found = await measureDivergences(decoder, cutSequences(IDS, OPTIONS), {
    pool,
    rows: await rowsOf(),
    onProgress: (done, total, message) => {
      expect(done).toBeLessThanOrEqual(total);
      messages.push(message);
    },
  });
  return { names: found.map(({ tensor }) => model.tensors[tensor]?.name ?? ''), found, messages };
}

describe('the sample', () => {
  test('every weight of blocks, embedding and head, each once; the same again', async () => {
    const { names, found, messages } = await measured();
    expect(new Set(names).size).toBe(6 * 7 + 2);
    expect(names).toContain('lm_head.weight');
    expect(messages.at(-1)).toBe('layer 6 of 6');
    for (const { divergence, error, relativeError } of found) {
      expect(divergence).toBeGreaterThan(0);
      expect(error).toBeGreaterThan(0);
      expect(relativeError).toBeGreaterThan(0.001);
    }
    expect((await measured()).found).toEqual(found);
  });

  test.each(['model.layers.2.mlp.gate_proj.weight', 'model.embed_tokens.weight', 'lm_head.weight'])(
    '%s quantized alone diverges by what was measured',
    async (name) => {
      const { names, found } = await measured();
      const checkpoint = await openCheckpoint(SAMPLE);
      const output = join(folder, `${name}.safetensors.gguf`);
      // BF16 is what the sample holds, so that nothing else changes.
      const plan = planFor(checkpoint, (tensor) => (tensor === name ? 'Q3_K' : 'BF16'));
      await runExport('gguf', { checkpoint, plan, output, overwrite: true }, { pool });
      const original = await Decoder.open(checkpoint, pool);
      const changed = await Decoder.open(await openCheckpoint(output), pool);
      const { divergence } = await compareModels(original, changed, IDS, OPTIONS);
      const own = found[names.indexOf(name)];
      expect(own?.divergence).toBeCloseTo(divergence.mean, 6);
      expect(own?.divergence).toBeGreaterThan(1e-5);
    },
    60_000,
  );
});

test('damage per unit of error', () => {
  const probe = { tensor: 0, probe: 'Q3_K', divergence: 0.02, error: 0.001 } as const;
  expect(damagePerError({ ...probe, relativeError: 0.01 })).toBe(2);
  expect(damagePerError({ ...probe, relativeError: 0 })).toBe(0);
});

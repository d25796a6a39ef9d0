// Simulated export: quantized, decoded, stored as BF16 under the original names, marked as simulated.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { tensor, testPool } from './exportFixtures.ts';
import { planFor } from './plans.ts';

const folder = temporaryFolder();
const pool = testPool();

it('stores what Q4_0 leaves of a row', async () => {
  const path = join(folder, 'row.safetensors');
  // The largest magnitude is −8: d = 1, so every integer in −8…7 survives and 0.4 becomes 0.
  const data = Float32Array.from({ length: 32 }, (_, i) => (i === 0 ? -8 : i === 1 ? 0.4 : (i % 15) - 7));
  writeSafetensors(path, [{ name: 'w', dtype: 'F32', shape: [1, 32], data }, tensor('norm', [32])]);
  const checkpoint = await openCheckpoint(path);
  const output = join(folder, 'simulated.safetensors');
  const { verify } = await runExport(
    'safetensors',
    { checkpoint, plan: planFor(checkpoint, () => 'Q4_0'), output, overwrite: false },
    { pool },
  );
  const exported = await openCheckpoint(output);
  expect(exported.tensors.map(({ name, dtype }) => [name, dtype])).toEqual([
    ['norm', 'F32'],
    ['w', 'BF16'],
  ]);
  const { offset } = exported.tensors[1] ?? { offset: 0 };
  const stored = new Uint16Array(Uint8Array.from(readFileSync(output).subarray(offset, offset + 64)).buffer);
  const values = Array.from(stored, (half) => new Float32Array(Uint32Array.of(half << 16).buffer)[0]);
  expect(values).toEqual(Array.from(data, (value) => Math.trunc(value)));
  expect(verify.tensors.find(({ name }) => name === 'w')?.maxError).toBeCloseTo(0.4, 6);
  expect(exported.metadata['quantscope.simulated']).toBe('true');
  expect(exported.metadata.format).toBe('pt');
  expect(JSON.parse(String(exported.metadata['quantscope.plan']))).toMatchObject({ tensors: { w: 'Q4_0' } });
});

it('equals the GGUF of the same plan, value for value, up to BF16', async () => {
  const path = join(folder, 'source.gguf');
  writeGguf(path, [tensor('blk.0.ffn_up.weight', [8, 512]), tensor('blk.0.attn_norm.weight', [64])], {
    'general.architecture': 'llama',
  });
  const checkpoint = await openCheckpoint(path);
  const plan = planFor(checkpoint, () => 'Q6_K');
  const simulated = join(folder, 'six.safetensors');
  const real = join(folder, 'six.gguf');
  const a = await runExport('safetensors', { checkpoint, plan, output: simulated, overwrite: false }, { pool });
  const b = await runExport('gguf', { checkpoint, plan, output: real, overwrite: false }, { pool });
  expect(a.verify.tensors.map(({ exportedName }) => exportedName).toSorted()).toEqual([
    'blk.0.attn_norm.weight',
    'blk.0.ffn_up.weight',
  ]);
  const { verifyExport } = await import('../../../core/export/verify/verifyExport.ts');
  const report = await verifyExport(await openCheckpoint(real), await openCheckpoint(simulated), pool);
  expect(b.verify.worstSqnr).toBeLessThan(45);
  expect(report.worstSqnr).toBeGreaterThan(50); // BF16 keeps 8 bits of mantissa
});

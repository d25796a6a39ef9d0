// The comparison finds what an export lost, whoever made it.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { verifyExport } from '../../../core/export/verify/verifyExport.ts';
import { zVerifyReport } from '../../../core/protocol/objects.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { type FixtureTensor, writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { llamaTensors, tensor, testPool, writeLlamaFolder } from './exportFixtures.ts';
import { planFor } from './plans.ts';

const folder = temporaryFolder();
const pool = testPool();

async function compare(original: readonly FixtureTensor[], exported: readonly FixtureTensor[]) {
  const paths = [original, exported].map((tensors, at) => {
    const path = join(folder, `side${at}.safetensors`);
    writeSafetensors(path, tensors);
    return path;
  });
  const [a, b] = await Promise.all(paths.map((path) => openCheckpoint(path)));
  if (a === undefined || b === undefined) throw new Error('two files were written');
  return verifyExport(a, b, pool);
}

const f32 = (name: string, values: readonly number[], shape = [values.length]): FixtureTensor => ({
  name,
  dtype: 'F32',
  shape,
  data: Float32Array.from(values),
});

describe('verifyExport', () => {
  it('measures SQNR and the largest error', async () => {
    const report = await compare([f32('w', [1, 2, 2, 4])], [f32('w', [1, 2, 2.5, 4])]);
    // signal 1+4+4+16 = 25, noise 0.25: 20 dB
    expect(report.tensors[0]).toMatchObject({ name: 'w', status: 'close', maxError: 0.5 });
    expect(report.tensors[0]?.sqnr).toBeCloseTo(20, 12);
    expect(report).toMatchObject({ ok: true, compared: 1, identical: 0, worstSqnr: report.tensors[0]?.sqnr });
    expect(zVerifyReport.safeParse(report).success).toBe(true);
  });

  it('lists missing, extra and re-shaped tensors', async () => {
    const report = await compare(
      [f32('a', [1]), f32('gone', [1]), f32('turned', [1, 2, 3, 4, 5, 6], [2, 3])],
      [f32('a', [1]), f32('new', [1]), f32('turned', [1, 2, 3, 4, 5, 6], [3, 2])],
    );
    expect(report).toMatchObject({ ok: false, missing: ['gone'], extra: ['new'], compared: 1, identical: 1 });
    expect(report.tensors.find(({ name }) => name === 'turned')?.status).toBe('shape');
  });

  it('is not ok when a finite value became NaN or infinite, and is when it was so before', async () => {
    const broken = await compare([f32('w', [1, 2])], [f32('w', [1, Number.NaN])]);
    expect(broken).toMatchObject({ ok: false });
    expect(broken.tensors[0]).toMatchObject({ status: 'close', maxError: Number.POSITIVE_INFINITY });
    const before = await compare([f32('w', [Number.NaN, 2])], [f32('w', [Number.NaN, 2])]);
    expect(before).toMatchObject({ ok: true, identical: 1 });
  });

  it('compares integers by their bytes and tensors without elements as the same', async () => {
    const ids = (values: readonly number[]): FixtureTensor => ({
      name: 'ids',
      dtype: 'I64',
      shape: [2],
      data: BigInt64Array.from(values.map(BigInt)),
    });
    const empty = f32('empty', [], [0, 4]);
    expect(await compare([ids([1, 2]), empty], [ids([1, 2]), empty])).toMatchObject({ ok: true, identical: 2 });
    expect(await compare([ids([1, 2])], [ids([1, 3])])).toMatchObject({ identical: 0 });
  });

  it('pairs Hugging Face and GGUF in both directions and sees two swapped rows', async () => {
    const model = await openCheckpoint(writeLlamaFolder(folder, 'llama'));
    const output = join(folder, 'llama.gguf');
    await runExport(
      'gguf',
      { checkpoint: model, plan: planFor(model, () => 'F32'), output, overwrite: false },
      { pool },
    );
    const gguf = await openCheckpoint(output);
    for (const report of [await verifyExport(model, gguf, pool), await verifyExport(gguf, model, pool)]) {
      expect(report).toMatchObject({ ok: true, identical: 21, renamed: 21, missing: [], extra: [] });
    }
    // The same names without the row order llama.cpp wants.
    const wrong = join(folder, 'wrong.gguf');
    const q = 'model.layers.0.self_attn.q_proj.weight';
    const unpermuted = llamaTensors().filter(({ name }) => name === q);
    writeGguf(
      wrong,
      unpermuted.map((one) => ({ ...one, name: 'blk.0.attn_q.weight' })),
      { 'general.architecture': 'llama' },
    );
    const report = await verifyExport(model, await openCheckpoint(wrong), pool);
    const row = report.tensors.find(({ name }) => name === q);
    expect(row).toMatchObject({ status: 'close', exportedName: 'blk.0.attn_q.weight' });
    expect(row?.sqnr).toBeLessThan(3);
  });

  it('compares a tied output matrix with the embedding', async () => {
    const tensors = llamaTensors().map((one) => (one.name === 'lm_head.weight' ? { ...one, data: embedding() } : one));
    const model = await openCheckpoint(
      writeLlamaFolder(folder, 'tied', { tensors, config: { tie_word_embeddings: true } }),
    );
    const path = join(folder, 'tied.gguf');
    writeGguf(path, [{ name: 'token_embd.weight', dtype: 'F32', shape: [40, 64], data: embedding() }], {
      'general.architecture': 'llama',
    });
    const report = await verifyExport(model, await openCheckpoint(path), pool);
    const head = report.tensors.find(({ name }) => name === 'lm_head.weight');
    expect(head).toMatchObject({ status: 'same', exportedName: 'token_embd.weight' });
  });

  it('holds a file to its plan', async () => {
    const path = join(folder, 'planned.safetensors');
    writeSafetensors(path, [tensor('w', [4, 32])]);
    const checkpoint = await openCheckpoint(path);
    const same = await verifyExport(checkpoint, checkpoint, pool, { plan: planFor(checkpoint, () => 'F32') });
    expect(same.ok).toBe(true);
    const other = await verifyExport(checkpoint, checkpoint, pool, { plan: planFor(checkpoint, () => 'Q8_0') });
    expect(other.ok).toBe(false);
  });
});

const embedding = (): Float32Array => tensor('model.embed_tokens.weight', [40, 64]).data as Float32Array;

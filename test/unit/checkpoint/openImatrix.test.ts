// Importance matrices: both file kinds become mean squares per weight, with layer and role; no plan, no export.

import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { imatrixBlocker, refuseImatrix } from '../../../core/checkpoint/imatrixDetails.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { filesOf } from '../../../core/checkpoint/tensorSource.ts';
import { ggufBlocker } from '../../../core/export/gguf/layout.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { imatrixBytes } from '../../fixtures/writeImatrix.ts';

const folder = temporaryFolder();
const f32 = (name: string, shape: number[]) => ({
  name,
  dtype: 'F32',
  shape,
  data: Float32Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, at) => at + 1),
});

describe('GGUF', () => {
  const path = join(folder, 'imatrix.gguf');
  const tensors = [
    f32('blk.0.ffn_up.weight.in_sum2', [6]),
    f32('blk.0.ffn_up.weight.counts', [1]),
    f32('blk.1.ffn_down_exps.weight.in_sum', [3, 4]),
    f32('blk.1.ffn_down_exps.weight.in_sum2', [3, 4]),
    f32('blk.1.ffn_down_exps.weight.counts', [3, 1]),
  ];
  const metadata = {
    'general.type': 'imatrix',
    'imatrix.datasets': ['calibration.txt', 'more.txt'],
    'imatrix.chunk_count': 12,
    'imatrix.chunk_size': 512,
  };

  test('sums and counts are one tensor named after the weight', async () => {
    writeGguf(path, tensors, metadata);
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.format).toBe('gguf');
    expect(checkpoint.imatrix).toEqual({ datasets: ['calibration.txt', 'more.txt'], chunks: 12, chunkTokens: 512 });
    expect(
      checkpoint.tensors.map(({ name, dtype, shape, elements, bytes }) => ({ name, dtype, shape, elements, bytes })),
    ).toEqual([
      { name: 'blk.0.ffn_up.weight', dtype: 'F32', shape: [1, 6], elements: 6, bytes: 28 },
      { name: 'blk.1.ffn_down_exps.weight.in_sum', dtype: 'F32', shape: [3, 4], elements: 12, bytes: 48 },
      { name: 'blk.1.ffn_down_exps.weight', dtype: 'F32', shape: [3, 4], elements: 12, bytes: 60 },
    ]);
    expect(checkpoint.tensors[0]).toMatchObject({ layer: 0, role: 'mlp.up' });
    expect(checkpoint.tensors[2]).toMatchObject({ layer: 1, role: 'expert.down' });
    const storage = checkpoint.tensors[2]?.storage;
    expect(storage).toMatchObject({ kind: 'strided', strides: [4, 1], counts: { rows: 3, columns: 1, dtype: 'F32' } });
    expect(checkpoint.tensors.map(filesOf)).toEqual([[0], [0], [0]]);
  });

  test('nothing can be planned for it or made of it', async () => {
    writeGguf(path, tensors, metadata);
    const checkpoint = await openCheckpoint(path);
    expect(ggufBlocker(checkpoint)).toMatch(/an importance matrix, not a model/);
    expect(() => refuseImatrix(checkpoint)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_ARCHITECTURE' }));
  });

  test('a model with tensors of such names stays a model', async () => {
    const model = join(folder, 'model.gguf');
    writeGguf(model, tensors, { 'general.type': 'model' });
    const checkpoint = await openCheckpoint(model);
    expect(checkpoint.tensors).toHaveLength(5);
    expect(imatrixBlocker(checkpoint)).toBeNull();
  });
});

describe('legacy', () => {
  const entries = [
    { name: 'blk.1.attn_v.weight', calls: 4, values: [4, 8, 12] },
    { name: 'output.weight', calls: 0, values: [1, 2] },
  ];

  test('entries, calls, chunks and calibration text', async () => {
    const path = join(folder, 'imatrix.dat');
    writeFileSync(path, imatrixBytes(entries, { chunks: 40, dataset: 'wiki.train.raw' }));
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.format).toBe('imatrix');
    expect(checkpoint.imatrix).toEqual({ datasets: ['wiki.train.raw'], chunks: 40, chunkTokens: null });
    expect(checkpoint.warnings).toEqual([]);
    expect(checkpoint.tensors[0]).toMatchObject({
      name: 'blk.1.attn_v.weight',
      shape: [1, 3],
      bytes: 12,
      layer: 1,
      role: 'attention.v',
      storage: { counts: { values: Float32Array.of(4) } },
    });
    // Values of no calls are taken as they are, as llama-quantize does.
    expect(checkpoint.tensors[1]).toMatchObject({
      role: 'output',
      storage: { counts: { values: Float32Array.of(1) } },
    });
  });

  test('older files end with the entries', async () => {
    const path = join(folder, 'old.imatrix');
    writeFileSync(path, imatrixBytes(entries));
    expect((await openCheckpoint(path)).imatrix).toEqual({ datasets: [], chunks: null, chunkTokens: null });
  });

  test('any other .dat file is none', async () => {
    const path = join(folder, 'save.dat');
    writeFileSync(path, 'game save 7\n'.repeat(20));
    await expect(openCheckpoint(path)).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN' });
  });

  test('a hundred thousand entries, and values are not read', async () => {
    const many = Array.from({ length: 100_000 }, (_, at) => ({ name: `blk.${at}.x.weight`, calls: 1, values: [1] }));
    const path = join(folder, 'many.imatrix');
    writeFileSync(path, imatrixBytes(many));
    expect((await openCheckpoint(path)).tensors).toHaveLength(many.length);
    const wide = join(folder, 'wide.imatrix');
    const values = Array.from({ length: 20_000 }, () => 1);
    writeFileSync(wide, imatrixBytes(Array.from({ length: 10 }, (_, at) => ({ name: `t${at}`, calls: 1, values }))));
    expect((await openCheckpoint(wide)).bytesRead).toBeLessThan(10_000);
  });

  test('a real one of 22 layers', async ({ skip }) => {
    const path = sharedData('models/imatrix-dat/imatrix.dat');
    if (path === null) return skip('the data is not on this machine');
    const checkpoint = await openCheckpoint(path);
    expect(basename(checkpoint.files[0]?.path ?? '')).toBe('imatrix.dat');
    expect(checkpoint.tensors).toHaveLength(154);
    expect(checkpoint.model.layers).toBe(22);
    expect(checkpoint.imatrix).toEqual({ datasets: ['imatrix-training-full-3'], chunks: 365, chunkTokens: null });
    expect(new Set(checkpoint.tensors.map(({ role }) => role)).has('other')).toBe(false);
  });
});

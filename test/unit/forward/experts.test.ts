// Experts: each sees the tokens routed to it, however their weights are stored.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { collectImportance, importanceEntries } from '../../../core/calibration/collectImportance.ts';
import { matchImportance } from '../../../core/calibration/matchImportance.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { imatrixBytes } from '../../../core/export/gguf/imatrixFile.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { ggufName } from '../../../core/model/ggufNames.ts';
import { goldenModel, relativeError } from '../../fixtures/forward/goldenModels.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { expertGguf } from './expertGguf.ts';
import { logitsOf } from './logitsOf.ts';
import { floatTensors, stackExperts } from './storedTensors.ts';

const TOLERANCE = 1e-4;
const folder = temporaryFolder();
const pool = createPool(new URL('./worker.ts', import.meta.url), 1);
afterAll(() => pool.close());

/** The model with the experts of a layer in one tensor each, as GGUF files have them. */
function stacked(name: string): string {
  const { path } = goldenModel(name);
  const own = join(folder, `${name}-stacked`);
  mkdirSync(own, { recursive: true });
  writeSafetensors(join(own, 'model.safetensors'), stackExperts(floatTensors(path)));
  writeFileSync(join(own, 'config.json'), readFileSync(join(path, 'config.json')));
  return own;
}

describe('logits', () => {
  test.each(['mixtral', 'qwen2-moe', 'qwen3-moe'])('%s with experts stacked', async (name) => {
    const { tokens, logits } = goldenModel(name);
    expect(relativeError(await logitsOf(stacked(name), tokens, pool), logits)).toBeLessThan(TOLERANCE);
  });

  test.each(['mixtral', 'qwen2-moe', 'qwen3-moe'] as const)('%s as GGUF', async (name) => {
    const { path, tokens, logits } = goldenModel(name);
    const { tensors, keyValues } = expertGguf(path);
    const file = join(folder, `${name}.gguf`);
    writeGguf(file, tensors, keyValues);
    // Neither llama.cpp nor we give Mixtral's GGUF files a sliding window: compared are tokens that see all before them.
    const window = 7;
    const first = tokens.map((ids) => ids.subarray(0, window));
    const wanted = tokens.flatMap((ids, s) => [
      ...logits.subarray(s * ids.length * 64, (s * ids.length + window) * 64),
    ]);
    expect(relativeError(await logitsOf(file, first, pool), Float32Array.from(wanted))).toBeLessThan(TOLERANCE);
  });

  test('of a single token: most experts have none', async () => {
    const { path, tokens, logits } = goldenModel('qwen3-moe');
    const first = tokens.map((ids) => ids.subarray(0, 1));
    const wanted = tokens.flatMap((ids, s) => [...logits.subarray(s * ids.length * 64, (s * ids.length + 1) * 64)]);
    expect(relativeError(await logitsOf(path, first, pool), Float32Array.from(wanted))).toBeLessThan(TOLERANCE);
  });
});

describe('what stops a run', () => {
  const opened = async (name: string, settings: object, without = /^$/) => {
    const { path } = goldenModel(name);
    const own = join(folder, `stopped${stopped++}`);
    mkdirSync(own);
    const tensors = floatTensors(path).filter((tensor) => !without.test(tensor.name));
    writeSafetensors(join(own, 'model.safetensors'), tensors);
    const config: object = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
    writeFileSync(join(own, 'config.json'), JSON.stringify({ ...config, ...settings }));
    return Decoder.open(await openCheckpoint(own), pool);
  };
  let stopped = 0;

  test.each([
    ['more taken than there are', { num_experts_per_tok: 5 }, 'HEADER_INVALID', '5 of 4 experts'],
    ['too many', { num_local_experts: 1_000_000 }, 'HEADER_INVALID', 'at most 4096'],
    ['no number', { num_local_experts: null }, 'HEADER_INVALID', 'num_local_experts'],
    ['more than stored', { num_local_experts: 5 }, 'SHAPE_INVALID', 'block_sparse_moe.gate'],
    ['wider than stored', { intermediate_size: 17 }, 'SHAPE_INVALID', 'experts.0.w1'],
  ] as const)('%s', async (_name, settings, code, message) => {
    await expect(opened('mixtral', settings)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  test('an expert that is not there', async () => {
    const run = opened('qwen3-moe', {}, /experts\.4\.up_proj/);
    const message = expect.stringContaining('no expert_up.4 weight in layer 1');
    await expect(run).rejects.toMatchObject({ code: 'TENSOR_NOT_FOUND', message });
  });
});

describe('what experts take in', () => {
  const moments = async (path: string, tokens: readonly Uint32Array[]) => {
    const checkpoint = await openCheckpoint(path);
    const { sums, rows } = await (await Decoder.open(checkpoint, pool)).secondMoments(tokens);
    const named = (name: string) => {
      const { index } = checkpoint.tensors.find((tensor) => tensor.name === name) ?? { index: -1 };
      return { sums: sums.get(index) ?? new Float64Array(), rows: [...(rows.get(index) ?? [])] };
    };
    return named;
  };

  test('every token reaches as many experts as it takes', async () => {
    const { path, tokens } = goldenModel('mixtral');
    const named = await moments(path, tokens);
    for (const layer of [0, 1]) {
      const moe = `model.layers.${layer}.block_sparse_moe`;
      const experts = [0, 1, 2, 3].map((expert) => named(`${moe}.experts.${expert}.w1.weight`));
      expect(experts.flatMap(({ rows }) => rows).reduce((a, b) => a + b)).toBe(2 * 48);
      named(`${moe}.gate.weight`).sums.forEach((sum, column) => {
        const routed = experts.reduce((total, { sums }) => total + (sums[column] ?? 0), 0);
        expect(Math.abs(routed - 2 * sum)).toBeLessThan(1e-5 * sum);
      });
    }
  });

  test('stacked: the same, one expert after the other', async () => {
    const { path, tokens } = goldenModel('mixtral');
    const single = await moments(path, tokens);
    const joined = await moments(stacked('mixtral'), tokens);
    for (const [stack, part] of [
      ['gate_up_proj', 'w1'],
      ['down_proj', 'w2'],
    ]) {
      const found = joined(`model.layers.1.mlp.experts.${stack}`);
      const experts = [0, 1, 2, 3].map((n) => single(`model.layers.1.block_sparse_moe.experts.${n}.${part}.weight`));
      expect(found.rows).toEqual(experts.flatMap(({ rows }) => rows));
      expect([...found.sums]).toEqual(experts.flatMap(({ sums }) => [...sums]));
    }
  });

  test('importance is the mean over tokens that reached the expert, 1 where none did', async () => {
    const { path } = goldenModel('mixtral');
    const checkpoint = await openCheckpoint(path);
    const decoder = await Decoder.open(checkpoint, pool);
    const ids = Uint32Array.of(5, 6);
    const named = await moments(path, [ids.subarray(0, 1)]);
    const { columns } = await collectImportance(decoder, ids, { context: 1, begin: null });
    const reached = [0, 1, 2, 3].map((expert) => {
      const name = `model.layers.0.block_sparse_moe.experts.${expert}.w1.weight`;
      const { sums, rows } = named(name);
      const index = checkpoint.tensors.findIndex((tensor) => tensor.name === name);
      expect([...(columns.get(index) ?? [])]).toEqual([...(rows[0] === 0 ? sums.fill(1) : sums)]);
      return rows[0];
    });
    expect(reached.toSorted()).toEqual([0, 0, 1, 1]);
  });
});

describe('importance matrices of experts', () => {
  test.each(['matrix.gguf', 'matrix.dat'])(
    '%s: written from single experts, put to stacked ones and back',
    async (file) => {
      const { path, tokens } = goldenModel('mixtral');
      const single = await openCheckpoint(path);
      const ids = Uint32Array.from([...(tokens[0] ?? []), ...(tokens[1] ?? []), 3]);
      const measured = await collectImportance(await Decoder.open(single, pool), ids, { context: 24, begin: null });
      const entries = importanceEntries(measured, single, (name) => ggufName(name, 'mixtral'));
      expect(entries.find(({ name }) => name === 'blk.1.ffn_down_exps.weight')?.columns).toHaveLength(4 * 16);
      const matrixPath = join(folder, file);
      writeFileSync(matrixPath, imatrixBytes({ entries, dataset: 'ids', chunks: 2, chunkTokens: 24 }, matrixPath));
      const matrix = await openCheckpoint(matrixPath);
      const shape = file.endsWith('.gguf') ? [4, 16] : [1, 64]; // the older kind has no rows
      expect(matrix.tensors.find(({ name }) => name === 'blk.1.ffn_down_exps.weight')?.shape).toEqual(shape);
      const gguf = join(folder, 'importance.gguf');
      const written = expertGguf(path);
      writeGguf(gguf, written.tensors, written.keyValues);
      const expected = (layer: number, part: string) =>
        [0, 1, 2, 3].flatMap((expert) => {
          const name = `model.layers.${layer}.block_sparse_moe.experts.${expert}.${part}.weight`;
          return [...(measured.columns.get(single.tensors.findIndex((tensor) => tensor.name === name)) ?? [])];
        });
      const close = (values: ArrayLike<number> | null | undefined, wanted: readonly number[]) => {
        expect(values).toHaveLength(wanted.length);
        wanted.forEach((value, at) => {
          expect(Math.abs((values?.[at] ?? 0) - value)).toBeLessThan(1e-6 * value);
        });
      };
      const again = await matchImportance(single, matrix, pool, undefined);
      for (const [index, columns] of measured.columns) close(again.columns(index), [...columns]);
      for (const [model, names] of [
        [
          stacked('mixtral'),
          { 'model.layers.1.mlp.experts.gate_up_proj': 'w1', 'model.layers.1.mlp.experts.down_proj': 'w2' },
        ],
        [
          gguf,
          { 'blk.1.ffn_gate_exps.weight': 'w1', 'blk.1.ffn_up_exps.weight': 'w3', 'blk.1.ffn_down_exps.weight': 'w2' },
        ],
      ] as const) {
        const checkpoint = await openCheckpoint(model);
        const importance = await matchImportance(checkpoint, matrix, pool, undefined);
        for (const [name, part] of Object.entries(names))
          close(importance.columns(checkpoint.tensors.findIndex((tensor) => tensor.name === name)), expected(1, part));
      }
    },
  );

  test('of another number of experts', async () => {
    const { path } = goldenModel('mixtral');
    const entries = [{ name: 'blk.0.ffn_gate_exps.weight', columns: new Float32Array(3 * 32).fill(1) }];
    const matrixPath = join(folder, 'three.gguf');
    writeFileSync(matrixPath, imatrixBytes({ entries, dataset: 'ids', chunks: 2, chunkTokens: 24 }, matrixPath));
    const run = matchImportance(
      await openCheckpoint(stacked('mixtral')),
      await openCheckpoint(matrixPath),
      pool,
      undefined,
    );
    await expect(run).rejects.toMatchObject({ code: 'SHAPE_INVALID' });
    const matched = await matchImportance(
      await openCheckpoint(path),
      await openCheckpoint(matrixPath),
      pool,
      undefined,
    );
    expect(matched.tensors).toBe(3);
  });
});

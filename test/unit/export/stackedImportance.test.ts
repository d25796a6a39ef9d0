// Importance of stacked experts: each is quantized and weighed with its own, as if it were a tensor of its own.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { plannedWeights } from '../../../core/forward/plannedWeights.ts';
import { ModelWeights } from '../../../core/forward/weights.ts';
import type { Importance } from '../../../core/quant/importance.ts';
import { rowWeights, sharingRows } from '../../../core/quant/rowWeights.ts';
import { roundTrip } from '../../../core/sensitivity/roundTrip.ts';
import { scanSensitivity } from '../../../core/sensitivity/scan.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { concatenate } from '../../fixtures/writeSafetensors.ts';
import { testPool } from './exportFixtures.ts';
import { planFor } from './plans.ts';

const [EXPERTS, ROWS, COLUMNS] = [3, 3000, 64]; // the exporter's pieces of 8192 rows begin and end inside experts
const TYPE = 'Q4_0';
const folder = temporaryFolder();
const pool = testPool();

function noise(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const values = [11, 12, 13].map((seed) => noise(ROWS * COLUMNS, seed));
const weights = [21, 22, 23].map((seed) => noise(COLUMNS, seed).map((x) => Math.abs(x) ** 4 + 1e-3));
const keyValues = { 'general.architecture': 'llama' };
let stacked: Checkpoint;
let single: Checkpoint;

beforeAll(async () => {
  const tensor = (name: string, shape: number[], data: ArrayBufferView) => ({ name, dtype: 'F32', shape, data });
  const all = tensor('blk.0.ffn_gate_exps.weight', [EXPERTS, ROWS, COLUMNS], concatenate(values));
  writeGguf(join(folder, 'stacked.gguf'), [all], keyValues);
  const own = values.map((data, expert) => tensor(`blk.0.ffn_gate.${expert}.weight`, [ROWS, COLUMNS], data));
  writeGguf(join(folder, 'single.gguf'), own, keyValues);
  stacked = await openCheckpoint(join(folder, 'stacked.gguf'));
  single = await openCheckpoint(join(folder, 'single.gguf'));
});

function importance(columns: (tensor: number) => Float32Array | null): Importance {
  return { id: String(columns), name: 'experts', tensors: 1, columns };
}
const ofStack = importance(() => Float32Array.from(weights.flatMap((own) => [...own])));
const ofSingles = importance((tensor) => weights[tensor] ?? null);

async function exported(checkpoint: Checkpoint, name: string, own?: Importance): Promise<Buffer> {
  const output = join(folder, name);
  const plan = planFor(checkpoint, () => TYPE);
  await runExport('gguf', { checkpoint, plan, output, overwrite: true, importance: own }, { pool });
  const { tensors } = await openCheckpoint(output);
  const bytes = readFileSync(output);
  return Buffer.concat(tensors.map(({ offset, bytes: length }) => bytes.subarray(offset, offset + length)));
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

async function errorOf(checkpoint: Checkpoint, own: Importance): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  await scanSensitivity(checkpoint, pool, {
    types: [TYPE],
    importance: own,
    cache: false,
    onRow: ({ tensor, damages }) => found.set(tensor, damages[0]?.relativeError ?? Number.NaN),
  });
  return found;
}

describe('stacked experts', () => {
  test('exports hold the bytes of single experts', async () => {
    const bytes = await exported(stacked, 'a.gguf', ofStack);
    expect(bytes.equals(await exported(single, 'b.gguf', ofSingles))).toBe(true);
    expect(bytes.equals(await exported(stacked, 'c.gguf'))).toBe(false);
  });

  test('plans run with the same weights as round trips give', async () => {
    const type = new Map([[0, TYPE]] as const);
    const planned = plannedWeights(new ModelWeights(stacked, pool), type, ofStack);
    const [tensor] = stacked.tensors;
    if (tensor === undefined) throw new Error('one tensor was written');
    const whole = await roundTrip({ checkpoint: stacked, pool, importance: ofStack }, tensor, TYPE, undefined);
    for (const [expert, own] of single.tensors.entries()) {
      const run = await planned.load(0, `expert_gate.${expert}`, [ROWS, COLUMNS], undefined);
      const alone = await roundTrip({ checkpoint: single, pool, importance: ofSingles }, own, TYPE, undefined);
      const part = whole.values.subarray(expert * ROWS * COLUMNS, (expert + 1) * ROWS * COLUMNS);
      expect([bytesOf(run).equals(bytesOf(alone.values)), bytesOf(part).equals(bytesOf(alone.values))]).toEqual([
        true,
        true,
      ]);
    }
  });

  test('the relative error is that of all experts, each weighed with its own', async () => {
    const power = values.map((own, expert) =>
      own.reduce((sum, x, at) => sum + (weights[expert]?.[at % COLUMNS] ?? 0) * x * x, 0),
    );
    const errors = await errorOf(single, ofSingles);
    const noise = power.map((own, expert) => own * (errors.get(expert) ?? Number.NaN));
    const total = (parts: readonly number[]): number => parts.reduce((a, b) => a + b);
    const found = (await errorOf(stacked, ofStack)).get(0) ?? Number.NaN;
    expect(Math.abs(found / (total(noise) / total(power)) - 1)).toBeLessThan(1e-5);
  });
});

describe('rows and their weights', () => {
  const all = Float32Array.of(1, 2, 3, 4, 5, 6);

  test('one matrix, several, none that fit', () => {
    expect(rowWeights(all, { rows: 5, columns: 6 }, 2, 2)).toEqual({ values: all, matrixRows: 5 });
    expect(rowWeights(all, { rows: 6, columns: 2 }, 1, 3)).toEqual({ values: all.subarray(0, 4), matrixRows: 2 });
    expect(rowWeights(all, { rows: 6, columns: 2 }, 4, 2)?.values).toEqual(all.subarray(4));
    expect(rowWeights(all, { rows: 5, columns: 2 }, 0, 5)).toBeUndefined();
    expect(rowWeights(all, { rows: 6, columns: 4 }, 0, 6)).toBeUndefined();
    expect(rowWeights(null, { rows: 6, columns: 2 }, 0, 6)).toBeUndefined();
  });

  test('runs that share', () => {
    expect([...sharingRows(3, 2, 6)]).toEqual([
      { at: 0, rows: 1, matrix: 0 },
      { at: 1, rows: 3, matrix: 1 },
      { at: 4, rows: 2, matrix: 2 },
    ]);
    expect([...sharingRows(null, 7, 4)]).toEqual([{ at: 0, rows: 4, matrix: 0 }]);
  });
});

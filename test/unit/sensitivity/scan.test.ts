import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { REFERENCE_DECODERS } from '../../../core/kernels/decode.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { REFERENCE_QUANTIZERS } from '../../../core/kernels/reference/quantizers.ts';
import type { SensitivityRow } from '../../../core/protocol/objects.ts';
import { GGUF_TARGETS, type GgufTarget, storedType } from '../../../core/quant/ggufTypes.ts';
import { type ScanOptions, scanSensitivity } from '../../../core/sensitivity/scan.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type FixtureTensor, writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { seeded } from '../allocation/instances.ts';

const folder = temporaryFolder();
const workerUrl = new URL('./worker.ts', import.meta.url);
const pool = createPool(workerUrl, 2);
afterAll(() => pool.close());
let caches = 0;
beforeEach(() => {
  process.env.QUANTSCOPE_CACHE = join(folder, `cache${caches++}`);
});

function weights(count: number, seed: number): Float32Array {
  const random = seeded(seed);
  return Float32Array.from({ length: count }, () => (random() + random() + random() - 1.5) * 0.05);
}

const name = (layer: number, part = 'mlp.up_proj'): string => `model.layers.${layer}.${part}.weight`;

async function scan(
  tensors: readonly FixtureTensor[],
  options: Partial<ScanOptions> = {},
  file = `m${caches}.safetensors`,
) {
  const path = join(folder, file);
  writeSafetensors(path, tensors);
  const checkpoint = await openCheckpoint(path);
  const rows = new Map<string, SensitivityRow>();
  const onRow = (row: SensitivityRow): void => void rows.set(checkpoint.tensors[row.tensor]?.name ?? '', row);
  const result = await scanSensitivity(checkpoint, pool, { onRow, ...options });
  return { checkpoint, rows, result };
}

/** Quantize, decode, compare: in plain TypeScript, sharing nothing with the scan but the reference quantizers. */
function expected(values: Float32Array, columns: number, type: GgufTarget): number {
  const stored = storedType(type, columns);
  const restored = new Float32Array(values.length);
  REFERENCE_DECODERS[stored]?.(REFERENCE_QUANTIZERS[stored](values, values.length / columns, columns, null), restored);
  let noise = 0;
  let signal = 0;
  for (const [i, value] of values.entries()) {
    noise += (value - (restored[i] ?? 0)) ** 2;
    signal += value * value;
  }
  return noise / signal;
}

function expectErrors(row: SensitivityRow | undefined, values: Float32Array, columns: number): void {
  expect(row?.damages.length).toBeGreaterThan(0);
  for (const { type, relativeError, sqnr } of row?.damages ?? []) {
    const want = expected(values, columns, type);
    expect(Math.abs(relativeError - want), type).toBeLessThanOrEqual(1e-9 * want);
    if (want > 0) expect(sqnr).toBeCloseTo(-10 * Math.log10(want), 6);
    else expect(sqnr).toBe(Number.POSITIVE_INFINITY);
  }
}

describe('scanSensitivity', () => {
  it('equals round trips through the reference quantizers, for every type', async () => {
    const a = weights(6 * 512, 1);
    const b = weights(40 * 256, 2);
    const { rows, result } = await scan([
      { name: name(0), dtype: 'F32', shape: [6, 512], data: a },
      { name: name(1), dtype: 'F32', shape: [2, 20, 256], data: b },
      { name: 'model.norm.weight', dtype: 'F32', shape: [512], data: weights(512, 3) },
    ]);
    expect([...rows.keys()].sort()).toEqual([name(0), name(1)]);
    expect(rows.get(name(0))?.damages.map(({ type }) => type)).toEqual([...GGUF_TARGETS]);
    expectErrors(rows.get(name(0)), a, 512);
    expectErrors(rows.get(name(1)), b, 256);
    expect(result).toMatchObject({ tensors: 2, cached: 0, provenance: { kind: 'measured' } });
    expect(rows.get(name(0))?.sample).toBeUndefined();
  });

  it('measures the stored type where columns do not divide, once for all that fall back to it', async () => {
    const values = weights(7 * 288, 4);
    const { rows } = await scan([{ name: name(0), dtype: 'F32', shape: [7, 288], data: values }]);
    expectErrors(rows.get(name(0)), values, 288);
    const damages = new Map(rows.get(name(0))?.damages.map((damage) => [damage.type, damage]));
    expect(damages.get('Q4_K')).toMatchObject({ stored: 'Q5_0', bytes: 7 * 9 * 22 });
    expect(damages.get('Q4_K')?.relativeError).toBe(damages.get('Q5_0')?.relativeError);
    const odd = weights(5 * 33, 5);
    const other = await scan([{ name: name(0), dtype: 'F32', shape: [5, 33], data: odd }]);
    expect(new Set(other.rows.get(name(0))?.damages.map(({ stored }) => stored))).toEqual(
      new Set(['F16', 'BF16', 'F32']),
    );
  });

  it("is exactly zero for the tensor's own dtype, which an export copies", async () => {
    const bits = new Uint32Array(weights(4 * 256, 6).buffer);
    const half = Uint16Array.from(bits, (value) => value >>> 16);
    const { rows } = await scan([{ name: name(0), dtype: 'BF16', shape: [4, 256], data: half }]);
    const zero = rows.get(name(0))?.damages.filter(({ relativeError }) => relativeError === 0);
    expect(zero?.map(({ type }) => type)).toEqual(['BF16', 'F32']);
    const gguf = sharedData('models/gguf-stories260K-quantized');
    const file = gguf === null ? undefined : readdirSync(gguf).find((entry) => /q4_0.*\.gguf$/i.test(entry));
    if (gguf === null || file === undefined) return;
    const checkpoint = await openCheckpoint(join(gguf, file));
    const types: GgufTarget[] = ['Q4_0', 'Q4_1'];
    await scanSensitivity(checkpoint, pool, {
      types,
      onRow: ({ tensor, damages }) => {
        if (checkpoint.tensors[tensor]?.dtype !== 'Q4_0') return;
        expect(damages[0]?.relativeError).toBe(0);
        expect(damages[1]?.relativeError).toBeGreaterThan(0);
      },
    });
  });

  it('gives NaN for weights that are not finite, infinity for a type they do not fit, and measures the rest', async () => {
    const nan = weights(512, 7);
    nan[300] = Number.NaN;
    const infinite = weights(512, 8);
    infinite[511] = Number.POSITIVE_INFINITY;
    const large = weights(512, 9);
    large[5] = 1e6;
    const fine = weights(512, 10);
    const shape = [2, 256];
    const { rows } = await scan([
      { name: name(0), dtype: 'F32', shape, data: nan },
      { name: name(1), dtype: 'F32', shape, data: infinite },
      { name: name(2), dtype: 'F32', shape, data: large },
      { name: name(3), dtype: 'F32', shape, data: new Float32Array(512) },
      { name: name(4), dtype: 'F32', shape, data: fine },
    ]);
    const errors = (layer: number) => rows.get(name(layer))?.damages.map(({ relativeError }) => relativeError);
    expect(errors(0)).toEqual(GGUF_TARGETS.map(() => Number.NaN));
    expect(errors(1)).toEqual(GGUF_TARGETS.map(() => Number.NaN));
    expect(errors(2)?.[GGUF_TARGETS.indexOf('F16')]).toBe(Number.POSITIVE_INFINITY);
    expect(errors(3)).toEqual(GGUF_TARGETS.map(() => 0));
    expectErrors(rows.get(name(4)), fine, 256);
  });

  it('estimates a large tensor from evenly spaced whole rows, and says so', async () => {
    const values = weights(100 * 256, 11);
    const tensors = [{ name: name(0), dtype: 'F32', shape: [100, 256], data: values }];
    const { rows, result } = await scan(tensors, { maxElementsPerTensor: 10 * 256, types: ['Q4_0', 'Q6_K'] });
    const sampled = Float32Array.from(
      { length: 10 * 256 },
      (_, i) => values[Math.floor(i / 256) * 2560 + (i % 256)] ?? 0,
    );
    expectErrors(rows.get(name(0)), sampled, 256);
    expect(rows.get(name(0))?.sample).toEqual({ rows: 10, of: 100 });
    expect(result.provenance.kind).toBe('estimated');
    expect(result.provenance.method).toContain('1 of 1 tensors estimated from 10 of their 100 rows');
    const exact = await scan(tensors, { maxElementsPerTensor: Number.POSITIVE_INFINITY, types: ['Q4_0', 'Q6_K'] });
    expectErrors(exact.rows.get(name(0)), values, 256);
    expect(exact.result.provenance.kind).toBe('measured');
  });

  it('cuts rows wider than a chunk at block borders', async () => {
    const columns = (1 << 17) * 2 + 256;
    const values = weights(2 * columns, 12);
    const types: GgufTarget[] = ['Q8_0', 'Q4_0', 'Q4_K'];
    const { rows } = await scan([{ name: name(0), dtype: 'F32', shape: [2, columns], data: values }], { types });
    expectErrors(rows.get(name(0)), values, columns);
  });

  it('does not depend on the number of threads', async () => {
    const tensors = [0, 1, 2].map((layer) => ({
      name: name(layer),
      dtype: 'F32',
      shape: [1200, 256],
      data: weights(1200 * 256, 20 + layer),
    }));
    const types: GgufTarget[] = ['Q4_0', 'Q8_0', 'Q5_1', 'F16'];
    const two = await scan(tensors, { types, cache: false });
    const single = createPool(workerUrl, 1);
    const rows = new Map<number, SensitivityRow>();
    await scanSensitivity(two.checkpoint, single, {
      types,
      cache: false,
      onRow: (row) => void rows.set(row.tensor, row),
    });
    await single.close();
    for (const row of two.rows.values()) expect(rows.get(row.tensor)).toEqual(row);
    expectErrors(two.rows.get(name(2)), weights(1200 * 256, 22), 256); // several chunks
  });

  it('answers from the cache, measures only what is missing, and ignores a damaged entry', async () => {
    const tensors = [0, 1].map((layer) => ({
      name: name(layer),
      dtype: 'F32',
      shape: [8, 256],
      data: weights(8 * 256, 30 + layer),
    }));
    const first = await scan(tensors, { types: ['Q4_0', 'Q8_0'] });
    const again = async (types: GgufTarget[]) => {
      const rows = new Map<string, SensitivityRow>();
      const { tensors: infos } = first.checkpoint;
      const onRow = (row: SensitivityRow): void => void rows.set(infos[row.tensor]?.name ?? '', row);
      return { rows, result: await scanSensitivity(first.checkpoint, pool, { types, onRow }) };
    };
    const second = await again(['Q4_0', 'Q8_0']);
    expect(second.result.cached).toBe(2);
    expect(second.rows).toEqual(first.rows);
    expect(second.result.provenance.at).toBe(first.result.provenance.at);
    const wider = await again(['Q4_0', 'Q5_0']);
    expect(wider.result.cached).toBe(0);
    expect((await again(['Q5_0', 'Q8_0'])).result.cached).toBe(2);
    const cache = join(process.env.QUANTSCOPE_CACHE ?? '', 'sensitivity');
    for (const entry of readdirSync(cache)) writeFileSync(join(cache, entry), '{"at":"x","errors":{"0":{"Q9":1}}}');
    expect((await again(['Q4_0', 'Q8_0'])).result.cached).toBe(0);
  });

  it('stops within 200 ms of being cancelled, keeps what was finished, and leaves the pool usable', async () => {
    const tensors = Array.from({ length: 12 }, (_, layer) => ({
      name: name(layer),
      dtype: 'F32',
      shape: [512, 1024],
      data: weights(512 * 1024, 40 + layer),
    }));
    const controller = new AbortController();
    let cancelledAt = 0;
    let rowsAfter = 0;
    const run = scan(
      tensors,
      {
        signal: controller.signal,
        onRow: () => {
          if (cancelledAt > 0) rowsAfter++;
          cancelledAt ||= performance.now();
          controller.abort();
        },
      },
      'large.safetensors',
    );
    await expect(run).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(performance.now() - cancelledAt).toBeLessThan(200);
    expect(rowsAfter).toBe(0);
    const { result } = await scan(tensors.slice(0, 1), { types: ['F16'] });
    expect(result.tensors).toBe(1);
    const resumed = await openCheckpoint(join(folder, 'large.safetensors'));
    const { cached } = await scanSensitivity(resumed, pool, { onRow: () => {} });
    expect(cached).toBe(1);
  });

  it('refuses to keep numbers of a file that changed meanwhile', async () => {
    const tensors = [{ name: name(0), dtype: 'F32', shape: [8, 256], data: weights(8 * 256, 50) }];
    const path = join(folder, 'changing.safetensors');
    const run = scan(tensors, { onRow: () => utimesSync(path, 1, 1) }, 'changing.safetensors');
    await expect(run).rejects.toMatchObject({ code: 'FILE_CHANGED' });
  });

  it('reports a file cut short by name', async () => {
    const path = join(folder, 'short.safetensors');
    writeSafetensors(path, [{ name: name(0), dtype: 'F32', shape: [8, 256], data: weights(8 * 256, 60) }]);
    const checkpoint = await openCheckpoint(path);
    writeFileSync(path, new Uint8Array(500));
    await expect(scanSensitivity(checkpoint, pool, { onRow: () => {} })).rejects.toMatchObject({
      code: 'FILE_TRUNCATED',
      message: expect.stringContaining('short.safetensors'),
    });
  });
});

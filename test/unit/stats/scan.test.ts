// Scans over worker threads: same figures with any number of threads, bounded memory, quick to stop, resumed from disk.

import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isCancelled } from '../../../core/base/cancellation.ts';
import { openStatisticsCache } from '../../../core/stats/cache.ts';
import { tensorProfile } from '../../../core/stats/profile.ts';
import { scanStatistics, scanTensors } from '../../../core/stats/scan.ts';
import type { TensorResult } from '../../../core/stats/statisticsTasks.ts';
import type { TensorStatistics } from '../../../core/stats/statisticsTypes.ts';
import { randomBlocks } from '../../fixtures/randomBlocks.ts';
import { bfloat16Bytes, normal, sparseCheckpoint, testPool } from './harness.ts';
import { straightforward } from './straightforward.ts';

const one = testPool(1);
const two = testPool(2);
const f32Bytes = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

describe('scan', () => {
  it('gives the same bytes with one thread and with two', async () => {
    const noise = normal(1 << 20, 40, 0.001, 0.02);
    const tensors = [
      { dtype: 'F32', shape: [4200, 4100] }, // two parts, two looks
      { dtype: 'BF16', shape: [9000, 4096] }, // three parts, counted
      { dtype: 'F32', shape: [40, 30] },
      { dtype: 'F32', shape: [3, 300_000] }, // windows of columns
      { dtype: 'Q8_0', shape: [17000, 1024] },
      { dtype: 'F32', shape: [17_000_001] },
      { dtype: 'F16', shape: [640] },
    ] as const;
    const checkpoint = sparseCheckpoint(tensors, [
      { tensor: 0, element: 5_000_000, bytes: f32Bytes(noise) },
      { tensor: 0, element: 16_900_000, bytes: f32Bytes(noise.subarray(0, 200_000)) },
      { tensor: 1, element: 20_000_000, bytes: bfloat16Bytes(noise) },
      { tensor: 2, element: 0, bytes: f32Bytes(noise.subarray(0, 1200)) },
      { tensor: 3, element: 0, bytes: f32Bytes(noise.subarray(0, 900_000)) },
      { tensor: 4, element: 1 << 20, bytes: randomBlocks('Q8_0', 5000, 41) },
      { tensor: 5, element: 16_500_001, bytes: f32Bytes(noise.subarray(0, 500_000)) },
    ]);
    const scan = async (pool: typeof one): Promise<TensorResult[]> => {
      const results: TensorResult[] = [];
      await scanTensors(checkpoint, pool, { onResult: (result) => results.push(result) });
      return results.sort((a, b) => a.tensor - b.tensor);
    };
    const [first, second] = [await scan(one), await scan(two)];
    expect(second).toEqual(first);
    expect(first.map((result) => result.statistics.count)).toEqual(checkpoint.tensors.map((t) => t.elements));

    const wide = first[3];
    const wanted = straightforward(noise.subarray(0, 900_000), 3, 300_000);
    expect(wide?.profile.rowAbsMax).toEqual(wanted.profile.rowAbsMax);
    wanted.profile.rowKurtosis.forEach((k, i) => {
      expect(wide?.profile.rowKurtosis[i]).toBeCloseTo(k, 4);
    });
    expect(wide?.statistics.kurtosis).toBeCloseTo(wanted.statistics.kurtosis, 4);
    expect(wide?.statistics.outlierFraction3).toBe(wanted.statistics.outlierFraction3);
    // Profiles of more than 65,536 columns keep the largest of each group.
    const group = Math.ceil(300_000 / (wide?.profile.columnAbsMax.length ?? 0));
    expect([4, 8]).toContain(group);
    const pooled = wanted.profile.columnAbsMax.subarray(group, 2 * group).reduce((a, b) => Math.max(a, b));
    expect(wide?.profile.columnAbsMax[1]).toBe(pooled);
  });

  it('takes a 2.5 GB tensor in bounded memory', async () => {
    const checkpoint = sparseCheckpoint(
      [{ dtype: 'BF16', shape: [163_840, 8192] }],
      [{ tensor: 0, element: 1_000_000_007, bytes: bfloat16Bytes(Float32Array.of(-96)) }],
    );
    const before = process.memoryUsage().rss;
    let peak = before;
    let found: TensorResult | undefined;
    await scanTensors(checkpoint, two, {
      onResult: (result) => {
        found = result;
      },
      onProgress: () => {
        peak = Math.max(peak, process.memoryUsage().rss);
      },
    });
    expect(found?.statistics).toMatchObject({ count: 163_840 * 8192, min: -96, max: 0, zeros: 163_840 * 8192 - 1 });
    expect(found?.profile.columnAbsMax[1_000_000_007 % 8192]).toBe(96);
    expect(found?.profile.rowAbsMax[Math.floor(1_000_000_007 / 8192 / 4)]).toBe(96);
    expect(peak - before).toBeLessThan(350e6);
  });

  it('stops within 200 ms', async () => {
    const checkpoint = sparseCheckpoint([{ dtype: 'F32', shape: [160_000, 8192] }]);
    const controller = new AbortController();
    let abortedAt = 0;
    setTimeout(() => {
      abortedAt = performance.now();
      controller.abort();
    }, 60);
    const error = await scanTensors(checkpoint, two, { signal: controller.signal, onResult: () => {} }).catch(
      (e: unknown) => e,
    );
    expect(isCancelled(error)).toBe(true);
    expect(performance.now() - abortedAt).toBeLessThan(200);
    // The threads, too: a new task is answered at once.
    const began = performance.now();
    const small = sparseCheckpoint([{ dtype: 'F32', shape: [4, 4] }]);
    await scanTensors(small, two, { onResult: () => {} });
    expect(performance.now() - began).toBeLessThan(200);
  });

  it('does not pay a round trip per small tensor', async () => {
    const shapes = Array.from({ length: 5000 }, () => ({ dtype: 'F32' as const, shape: [8, 8] }));
    const checkpoint = sparseCheckpoint(shapes);
    let rows = 0;
    let firstAt = 0;
    const began = performance.now();
    await scanTensors(checkpoint, two, {
      onResult: () => {
        if (rows === 0) firstAt = performance.now() - began;
        rows += 1;
      },
    });
    expect(rows).toBe(5000);
    expect(firstAt).toBeLessThan(500);
    expect((performance.now() - began) / 5000).toBeLessThan(1);
  });

  it('reports a file that became shorter', async () => {
    const checkpoint = sparseCheckpoint([{ dtype: 'F32', shape: [100, 100] }]);
    truncateSync(checkpoint.path, 1000);
    await expect(scanTensors(checkpoint, one, { onResult: () => {} })).rejects.toMatchObject({
      code: 'FILE_TRUNCATED',
    });
  });
});

describe('cache', () => {
  const model = (): ReturnType<typeof sparseCheckpoint> =>
    sparseCheckpoint(
      [
        { dtype: 'F32', shape: [64, 96] },
        { dtype: 'BF16', shape: [128] },
      ],
      [{ tensor: 0, element: 100, bytes: f32Bytes(normal(5000, 50)) }],
    );
  const scan = async (
    checkpoint: ReturnType<typeof model>,
  ): Promise<{ cached: number; rows: Map<number, TensorStatistics> }> => {
    const rows = new Map<number, TensorStatistics>();
    const { cached } = await scanStatistics(checkpoint, one, { onRow: (tensor, row) => rows.set(tensor, row) });
    return { cached, rows };
  };

  it('gives the same rows and profiles without reading the model again', async () => {
    const checkpoint = model();
    const computed = await scan(checkpoint);
    const profile = await tensorProfile(checkpoint, one, 0);
    expect(computed.cached).toBe(0);
    const again = { ...checkpoint }; // as another session would open it
    truncateSync(checkpoint.path, 0);
    const cached = await scan(again);
    expect(cached).toEqual({ cached: 2, rows: computed.rows });
    expect(await tensorProfile(again, one, 0)).toEqual(profile);
    expect(profile.rowKurtosis.length).toBe(64);
  });

  it('survives shortened and foreign files', async () => {
    const checkpoint = model();
    await scan(checkpoint);
    const folder = join(process.env.QUANTSCOPE_CACHE ?? '', 'statistics');
    for (const name of readdirSync(folder).filter((n) => n.startsWith(checkpoint.fingerprint))) {
      truncateSync(join(folder, name), 200);
    }
    const cache = await openStatisticsCache(checkpoint);
    expect(cache.rows.size).toBe(1);
    expect(await cache.profile(0)).toBeNull();
    const again = { ...checkpoint };
    expect((await scan(again)).rows.size).toBe(2);
    expect((await tensorProfile(again, one, 0)).columnAbsMax.length).toBe(96);
  });
});

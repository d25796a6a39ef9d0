// The cache writes each result once, however many there are: a scan of many small tensors stays linear.

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openStatisticsCache } from '../../../core/stats/cache.ts';

const TENSORS = 6000;
const CHANNELS = 64;
const folder = mkdtempSync(join(tmpdir(), 'quantscope-cache-'));
const before = process.env.QUANTSCOPE_CACHE;
beforeAll(() => {
  process.env.QUANTSCOPE_CACHE = folder;
});
afterAll(() => {
  if (before === undefined) delete process.env.QUANTSCOPE_CACHE;
  else process.env.QUANTSCOPE_CACHE = before;
  rmSync(folder, { recursive: true });
});

it(`${TENSORS} results take the room of ${TENSORS} results, and come back`, async () => {
  const checkpoint = { fingerprint: 'many', tensors: { length: TENSORS } } as unknown as Checkpoint;
  const cache = await openStatisticsCache(checkpoint);
  for (let tensor = 0; tensor < TENSORS; tensor++) cache.add(resultOf(tensor));
  await cache.flush();
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  const profileBytes = 256 * 8 + 4 * CHANNELS * 4;
  expect(bytes).toBeGreaterThan(TENSORS * profileBytes);
  expect(bytes).toBeLessThan(TENSORS * (profileBytes + 500));
  const again = await openStatisticsCache(checkpoint);
  expect(again.rows.size).toBe(TENSORS);
  expect(again.rows.get(4321)?.mean).toBe(4321);
  expect((await again.profile(4321))?.rowAbsMax[0]).toBe(4321);
});

function resultOf(tensor: number) {
  const channels = () => new Float32Array(CHANNELS).fill(tensor);
  return {
    tensor,
    statistics: {
      count: 1,
      min: 0,
      max: 0,
      mean: tensor,
      std: 0,
      absMax: 0,
      rms: 0,
      kurtosis: 0,
      maxToMeanRatio: 0,
      outlierFraction3: 0,
      outlierFraction6: 0,
      zeros: 0,
      nan: 0,
      inf: 0,
      layerOutlierDistribution: [0, 0, 0, 0] as [number, number, number, number],
    },
    profile: {
      histogram: new Float64Array(256),
      rowAbsMax: channels(),
      rowKurtosis: channels(),
      columnAbsMax: channels(),
      columnKurtosis: channels(),
    },
  };
}

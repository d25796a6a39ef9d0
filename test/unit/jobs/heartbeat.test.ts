// What a heartbeat says of the devices: measured over the time since the last one.

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readHeartbeat, startBeating } from '../../../core/jobs/heartbeat.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const folder = temporaryFolder();
const progress = { phase: 'writing', doneBytes: 1, totalBytes: 2, message: '', secondsLeft: null } as const;

it('tells the share of time its process and its GPU were busy', { timeout: 20_000 }, async () => {
  const path = join(folder, 'busy.beat');
  const began = performance.now();
  // A GPU that is busy for a quarter of the time, and a thread that never rests.
  const gpuBusyMs = (): number => (performance.now() - began) / 4;
  await using _ = startBeating(
    path,
    () => progress,
    gpuBusyMs,
    async () => {},
  );
  while (((await readHeartbeat(path))?.beat ?? 0) < 3) {
    const until = performance.now() + 50;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const beat = await readHeartbeat(path);
  expect(beat).toMatchObject(progress);
  expect(beat?.gpuBusy).toBeGreaterThan(0.2);
  expect(beat?.gpuBusy).toBeLessThan(0.3);
  // A busy machine gives a thread a part of a processor only.
  expect(beat?.load).toBeGreaterThan(0.05);
  expect(beat?.load).toBeLessThanOrEqual(beat?.processors ?? 0);
});

it('says nothing of a GPU without one', async () => {
  const path = join(folder, 'none.beat');
  {
    await using _ = startBeating(
      path,
      () => progress,
      () => null,
      async () => {},
    );
  }
  expect(await readHeartbeat(path)).toMatchObject({ beat: 1, gpuBusy: null });
});

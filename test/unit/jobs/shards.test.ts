// Shards: every unit in one of them, work shared evenly, and the job's own runner checks and finishes what they wrote.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ExportUnit } from '../../../core/export/units.ts';
import { BeatWatch } from '../../../core/jobs/heartbeat.ts';
import { jobPaths } from '../../../core/jobs/jobFolder.ts';
import { JobView } from '../../../core/jobs/jobStatus.ts';
import { runJob, runShard } from '../../../core/jobs/runJob.ts';
import { beatPath, claimJob } from '../../../core/jobs/runnerFiles.ts';
import { shardPaths, unitsOfShard } from '../../../core/jobs/shards.ts';
import { requestStop } from '../../../core/jobs/stopRequests.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { testPool } from '../export/exportFixtures.ts';
import { type JobRig, jobRig, outputOf, recordsOf, VERSIONS } from './jobFixtures.ts';

const parent = temporaryFolder();
const pool = testPool();
const run = { pool, versions: VERSIONS };
let rig: JobRig;
beforeAll(async () => {
  rig = await jobRig(parent, pool);
});

const stateOf = async (folder: string) => (await new JobView(folder).status()).state;
const lastPrepared = async (folder: string) => (await recordsOf(folder)).findLast(({ type }) => type === 'prepared');

describe('units of shards', () => {
  const units = Array.from({ length: 100 }, (_, index): ExportUnit => {
    const rows = 1 + ((index * 7919) % 1000);
    const source = { tensor: 0, rows, columns: 64, steps: [], permutedHeads: 0, chunks: [{ firstRow: 0, rows }] };
    return { index, name: String(index), offset: 0, bytes: rows, paddingBytes: 0, source };
  });

  it.each([1, 2, 7, 100, 150])('of %i are all units once, in order, evenly', (of) => {
    const shards = Array.from({ length: of }, (_, at) => unitsOfShard(units, { index: at + 1, of }));
    for (const shard of shards)
      expect(shard.map(({ index }) => index)).toEqual(shard.map(({ index }) => index).sort((a, b) => a - b));
    expect(
      shards
        .flat()
        .map(({ index }) => index)
        .sort((a, b) => a - b),
    ).toEqual(units.map(({ index }) => index));
    const loads = shards.map((shard) => shard.reduce((sum, { bytes }) => sum + bytes, 0));
    const largest = Math.max(...units.map(({ bytes }) => bytes));
    // Graham's bound: no shard exceeds the mean by more than one unit.
    expect(Math.max(...loads)).toBeLessThanOrEqual(loads.reduce((a, b) => a + b) / of + largest);
  });
});

describe('a job of shards', () => {
  it('written at once, then finished without writing a unit again', async () => {
    const folder = await rig.make('four');
    const results = await Promise.all([1, 2, 3, 4].map((index) => runShard(folder, { index, of: 4 }, run)));
    expect(results.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(rig.expected.length);
    expect(await new JobView(folder).status()).toMatchObject({ attempts: 4, bytes: { done: rig.expected.length } });
    expect(await stateOf(folder)).toBe('lost'); // nobody has been asked to finish it
    await runJob(folder, run);
    expect(outputOf(folder)).toEqual(rig.expected);
    expect(await stateOf(folder)).toBe('succeeded');
    expect(existsSync(join(folder, 'shards'))).toBe(false);
    await expect(runShard(folder, { index: 1, of: 4 }, run)).rejects.toMatchObject({ code: 'JOB_STATE' });
  });

  it('lacking a shard, and with a damaged one, is finished all the same', async () => {
    const folder = await rig.make('damaged');
    for (const index of [1, 3]) await runShard(folder, { index, of: 3 }, run);
    const path = join(folder, 'out.partial', 'model.gguf');
    const bytes = readFileSync(path);
    bytes[5] = (bytes[5] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const journal = join(folder, 'shards', '0003', 'journal.ndjson');
    writeFileSync(journal, readFileSync(journal).subarray(0, -300));
    await runJob(folder, run);
    expect(outputOf(folder)).toEqual(rig.expected);
  });

  it('put back into the queue writes only what is missing of the shard', async () => {
    const folder = await rig.make('requeued');
    const shard = { index: 1, of: 2 };
    const abort = new AbortController();
    const onProgress = ({ phase, doneBytes }: { phase: string; doneBytes: number }): void => {
      if (phase === 'writing' && doneBytes > 0) abort.abort();
    };
    await expect(runShard(folder, shard, { ...run, signal: abort.signal, onProgress })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(await stateOf(folder)).toBe('paused');
    await runShard(folder, { index: 2, of: 2 }, run);
    await runShard(folder, shard, run);
    await runJob(folder, run);
    expect(outputOf(folder)).toEqual(rig.expected);
    expect(await lastPrepared(folder)).toMatchObject({ kept: 0, fresh: true });
  });

  it('has one runner a shard, and none while the job itself is run; nor the other way round', async () => {
    const folder = await rig.make('contested');
    const paths = jobPaths(folder);
    const own = await claimJob(paths, new BeatWatch({ wait: true }));
    await expect(runShard(folder, { index: 1, of: 2 }, run)).rejects.toMatchObject({ code: 'JOB_RUNNING' });
    await own.release();
    const shard = await claimJob(shardPaths(paths, { index: 1, of: 2 }), new BeatWatch({ wait: true }));
    expect(await stateOf(folder)).toBe('running');
    await expect(runShard(folder, { index: 1, of: 2 }, run)).rejects.toMatchObject({ code: 'JOB_RUNNING' });
    await expect(runJob(folder, run)).rejects.toMatchObject({ code: 'JOB_RUNNING' });
    await shard.release();
    await runJob(folder, run);
    expect(outputOf(folder)).toEqual(rig.expected);
  });

  it('is as far as all of them together have written', async () => {
    const folder = await rig.make('together');
    const paths = jobPaths(folder);
    await runShard(folder, { index: 1, of: 3 }, run);
    const claims = [];
    for (const [index, secondsLeft] of [
      [2, null],
      [3, 40],
    ] as const) {
      const shard = shardPaths(paths, { index, of: 3 });
      mkdirSync(shard.runners, { recursive: true });
      claims.push(await claimJob(shard, new BeatWatch({ wait: true })));
      const beat = { beat: 1, phase: 'writing', doneBytes: 1, totalBytes: 9, message: '', secondsLeft };
      writeFileSync(beatPath(shard, 1), JSON.stringify({ ...beat, load: 0.5, processors: 2, gpuBusy: 0.5 }));
    }
    const { progress, bytes } = await new JobView(folder).status();
    expect(bytes.done).toBeGreaterThan(0);
    const together = { doneBytes: bytes.done, totalBytes: rig.expected.length, secondsLeft: 40 };
    // Both run on this machine: its processors are counted once.
    expect(progress).toMatchObject({ phase: 'writing', ...together, load: 1, processors: 2, gpuBusy: 0.5 });
    for (const claim of claims) await claim.release();
  });

  it('cancelled is cancelled in every shard', async () => {
    const folder = await rig.make('cancelled');
    await requestStop(jobPaths(folder), 'cancel');
    for (const index of [1, 2])
      await expect(runShard(folder, { index, of: 2 }, run)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await stateOf(folder)).toBe('cancelled');
  });
});

// Jobs as the editor asks for them: they outlive the engine that started them, and every window sees the same one.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { ENGINE_CALLS } from '../../../core/protocol/calls.ts';
import type { JobStatus } from '../../../core/protocol/jobs.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type Engine, outcomeOf, startEngine } from '../engine/program.ts';
import { writeLlamaFolder } from '../export/exportFixtures.ts';
import { planFor } from '../export/plans.ts';

const folder = temporaryFolder();
const sample = writeLlamaFolder(folder, 'model');
process.env.QUANTSCOPE_STATE = join(folder, 'state');

async function jobsOf({ connection }: Engine): Promise<JobStatus[]> {
  return ENGINE_CALLS.jobs.result.parse(await connection.sendRequest('jobs', {})).jobs;
}

it('start, reload, look, log, cancel, resume', { timeout: 120_000 }, async () => {
  const job = join(folder, 'job');
  const output = join(folder, 'direct.gguf');
  const wish = {
    ...{ model: sample, format: 'gguf', folder: job, output: null, importance: null, calibrated: false },
    ...{ device: 'auto', threads: 1, launcher: 'local' },
  };
  {
    await using engine = startEngine();
    const { connection } = engine;
    const { model } = ENGINE_CALLS.open.result.parse(await connection.sendRequest('open', { path: sample }));
    const plan = planFor(await openCheckpoint(sample), () => 'Q8_0');
    await connection.sendRequest('export', { model, plan, format: 'gguf', output, overwrite: false });
    const preflight = await connection.sendRequest('jobPreflight', { wish: { ...wish, plan } });
    expect(ENGINE_CALLS.jobPreflight.result.parse(preflight)).toMatchObject({ ok: true });
    expect(await jobsOf(engine)).toEqual([]);
    const started = ENGINE_CALLS.jobStart.result.parse(
      await connection.sendRequest('jobStart', { wish: { ...wish, plan } }),
    );
    expect(started).toMatchObject({ folder: job, state: expect.stringMatching(/queued|running/) });
    expect(await outcomeOf(connection.sendRequest('jobStart', { wish: { ...wish, plan } }))).toMatchObject({
      code: 'OUTPUT_EXISTS',
    });
  }
  await using one = startEngine();
  await using two = startEngine();
  const byFolder = { folder: job };
  const first = ENGINE_CALLS.jobCancel.result.safeParse(
    await outcomeOf(one.connection.sendRequest('jobCancel', byFolder)),
  );
  // A job as small as this may be done before it could be cancelled.
  if (first.success && first.data.state !== 'succeeded') {
    expect(first.data.state).toBe('cancelled');
    expect(await jobsOf(two)).toMatchObject([{ folder: job, state: 'cancelled', runner: null }]);
    await two.connection.sendRequest('jobResume', byFolder);
  }
  await expect.poll(async () => (await jobsOf(one))[0]?.state, { timeout: 60_000 }).toBe('succeeded');
  expect(await jobsOf(one)).toEqual(await jobsOf(two));
  const [status] = await jobsOf(one);
  expect(readFileSync(status?.output ?? '')).toEqual(readFileSync(output));
  const log = ENGINE_CALLS.jobLog.result.parse(await two.connection.sendRequest('jobLog', { ...byFolder, from: 0 }));
  expect(log.records[0]?.type).toBe('created');
  const rest = await two.connection.sendRequest('jobLog', { ...byFolder, from: log.next - 1 });
  expect(ENGINE_CALLS.jobLog.result.parse(rest)).toMatchObject({ records: [{ type: 'succeeded' }], next: log.next });
  await one.connection.sendRequest('jobForget', byFolder);
  expect(await jobsOf(two)).toEqual([]);
  expect(ENGINE_CALLS.jobStatus.result.parse(await two.connection.sendRequest('jobStatus', byFolder)).state).toBe(
    'succeeded',
  );
});

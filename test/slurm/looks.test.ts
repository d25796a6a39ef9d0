// What a queue says and what journals say, at moments when they disagree. Slurm is a stub here, to be held at such a moment.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { makeFolder } from '../../core/io/moveFolder.ts';
import { cancelJob, launchJob } from '../../core/jobs/controlJob.ts';
import { BeatWatch } from '../../core/jobs/heartbeat.ts';
import { JobView } from '../../core/jobs/jobStatus.ts';
import { openJournal } from '../../core/jobs/journal.ts';
import { runJob } from '../../core/jobs/runJob.ts';
import { claimJob } from '../../core/jobs/runnerFiles.ts';
import { shardPaths } from '../../core/jobs/shards.ts';
import { zSlurmSettings } from '../../core/protocol/slurm.ts';
import { temporaryFolder } from '../fixtures/temporaryFolder.ts';
import { testPool } from '../unit/export/exportFixtures.ts';
import { type JobRig, jobRig, VERSIONS } from '../unit/jobs/jobFixtures.ts';
import { stub, TEST_MS, until } from './slurmRig.ts';

const parent = temporaryFolder();
const pool = testPool();
const path = process.env.PATH;
let rig: JobRig;
beforeAll(async () => {
  rig = await jobRig(parent, pool);
}, TEST_MS);
afterEach(() => {
  process.env.PATH = path;
});

function pretend(program: string, script: string): void {
  process.env.PATH = stub(program, script);
}

/** A job of one shard that Slurm has taken. */
async function launched(name: string): Promise<JobView> {
  pretend('sbatch', 'echo 7');
  const slurm = zSlurmSettings.parse({ shards: 1 });
  const view = new JobView(await rig.make(name, { launcher: 'slurm', slurm }));
  await launchJob(view, { program: process.execPath, args: [] });
  return view;
}

it('a last step that begins and ends while squeue is asked has not been lost', { timeout: TEST_MS }, async () => {
  const view = await launched('quick');
  const [asked, answer] = [join(parent, 'asked'), join(parent, 'answer')];
  pretend('squeue', `touch '${asked}'; until [ -e '${answer}' ]; do sleep 0.02; done`);
  pretend('sacct', 'exit 1');
  const status = view.status();
  await until('squeue to be asked', () => existsSync(asked));
  await runJob(view.paths.folder, { pool, versions: VERSIONS });
  writeFileSync(answer, '');
  expect(await status).toMatchObject({ state: 'succeeded', attempts: 1 });
});

it("a shard's last word is not the job's, and a slow queue does not keep a job from being cancelled", {
  timeout: TEST_MS,
}, async () => {
  const view = await launched('slow queue');
  pretend('scancel', 'exit 0');
  pretend('squeue', "printf '7|1|COMPLETING|None\\n8|N/A|COMPLETING|None\\n'");
  const shard = shardPaths(view.paths, { index: 1, of: 1 });
  await makeFolder(shard.runners);
  const claim = await claimJob(shard, new BeatWatch({ wait: true }));
  await using journal = await openJournal(shard.journal);
  await journal.append({ type: 'started', attempt: 1, pid: process.pid, host: 'h', threads: 1, dropped: 0 });
  await journal.append({ type: 'cancelled' });
  expect((await view.status()).state).toBe('running');
  const cancelled = cancelJob(view);
  await until('the request', () => existsSync(view.paths.stop));
  await claim.release();
  expect((await cancelled).state).toBe('cancelled');
  expect((await new JobView(view.paths.folder).status()).state).toBe('cancelled');
});

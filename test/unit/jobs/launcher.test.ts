// The local launcher: a process of its own, arguments as they are; and what can be asked of a job from outside.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cancelJob, launchJob, resumeJob } from '../../../core/jobs/controlJob.ts';
import { jobPaths } from '../../../core/jobs/jobFolder.ts';
import { JobView } from '../../../core/jobs/jobStatus.ts';
import { forgetJob, knownJobs, rememberJob } from '../../../core/jobs/knownJobs.ts';
import { localLauncher } from '../../../core/jobs/launchers/local.ts';
import { LAUNCHER } from '../../../core/jobs/launchers/registry.ts';
import { LAUNCHERS, type Launch } from '../../../core/protocol/jobs.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { testPool } from '../export/exportFixtures.ts';
import { type JobRig, jobRig, recordsOf } from './jobFixtures.ts';

const parent = temporaryFolder();
const pool = testPool();
process.env.QUANTSCOPE_STATE = join(parent, 'state');
let rig: JobRig;
beforeAll(async () => {
  rig = await jobRig(parent, pool);
});

/** A program in place of the runner. */
const node = (script: string, ...args: string[]) => ({ program: process.execPath, args: ['-e', script, ...args] });

async function until(wanted: () => boolean | Promise<boolean>): Promise<void> {
  for (let look = 0; look < 200 && !(await wanted()); look++) await new Promise((done) => setTimeout(done, 25));
}

describe('the local launcher', () => {
  it('hands arguments over as they are, in a session of its own, and keeps what is printed', async () => {
    const paths = jobPaths(await rig.make('arguments'));
    const hostile = ['$(touch x)', '`x`', 'a b', '"', "'", '\n', '%PATH%', '€', '', '--eval'];
    const script = 'console.log(JSON.stringify(process.argv.slice(1))); setTimeout(() => {}, 300)';
    const handle = await localLauncher.launch(paths, node(script, '--', ...hostile), async () => {});
    const launch = { launcher: 'local', at: '', after: 0, handle } as const;
    expect((await localLauncher.look(launch)).state).toBe('running');
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${handle.pid}/stat`, 'utf8').split(') ')[1]?.split(' ');
      expect(stat?.[3], 'session').toBe(String(handle.pid));
    }
    await until(async () => (await localLauncher.look(launch)).state === 'gone');
    expect((await localLauncher.look(launch)).state).toBe('gone');
    expect(JSON.parse(readFileSync(paths.log, 'utf8'))).toEqual(hostile);
  });

  it('tells what cannot be started', async () => {
    const paths = jobPaths(await rig.make('missing program'));
    const missing = { program: join(parent, 'no such\nprogram'), args: [] };
    await expect(localLauncher.launch(paths, missing, async () => {})).rejects.toMatchObject({
      code: 'LAUNCH_FAILED',
      message: expect.stringContaining('ENOENT'),
    });
  });

  it('is in the registry under its name, as every launcher is', () => {
    for (const name of LAUNCHERS) expect(LAUNCHER[name].name).toBe(name);
  });
});

describe('a job from outside', () => {
  it('is queued while its process starts, and lost when that dies without a word', async () => {
    const view = new JobView(await rig.make('dies'));
    const endless = node('setInterval(() => {}, 1000)');
    const kill = (): void => {
      const { handle } = JSON.parse(readFileSync(view.paths.launch, 'utf8')) as Launch;
      process.kill(Number(handle.pid), 'SIGKILL');
    };
    await launchJob(view, endless);
    expect((await view.status()).state).toBe('queued');
    await expect(resumeJob(view, node(''))).rejects.toMatchObject({ code: 'JOB_STATE' });
    kill();
    await until(async () => (await view.status()).state === 'lost');
    expect((await view.status()).state).toBe('lost');
    await resumeJob(view, endless);
    expect((await view.status()).state).toBe('queued');
    expect(existsSync(view.paths.launching)).toBe(false);
    kill();
  });

  it.each([
    ['queued, with nobody to run it', async () => {}],
    [
      'lost',
      async (view: JobView) =>
        launchJob(view, node('')).then(() => until(async () => (await view.status()).state === 'lost')),
    ],
  ])('that is %s is cancelled on the spot', async (what, prepare) => {
    const view = new JobView(await rig.make(`cancel ${what}`));
    await prepare(view);
    expect((await cancelJob(view)).state).toBe('cancelled');
    expect((await recordsOf(view.paths.folder)).at(-1)?.type).toBe('cancelled');
    expect(existsSync(view.paths.stop)).toBe(false);
    await expect(cancelJob(view)).rejects.toMatchObject({ code: 'JOB_STATE' });
  });

  it('is remembered where this user keeps jobs, while it is there', async () => {
    const folder = await rig.make('remembered "\n€');
    expect(await knownJobs()).toEqual([]);
    await rememberJob(folder);
    await rememberJob(folder);
    await rememberJob(join(parent, 'gone'));
    expect(await knownJobs()).toEqual([folder]);
    await forgetJob(folder);
    expect(await knownJobs()).toEqual([]);
  });
});

// Who runs a job: claims, refusals, runners that are gone, and runners that cannot be seen from here.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { identifyProcess, lookForProcess } from '../../../core/io/processIdentity.ts';
import { BeatWatch } from '../../../core/jobs/heartbeat.ts';
import { type JobPaths, jobPaths } from '../../../core/jobs/jobFolder.ts';
import { beatPath, claimJob, findRunners } from '../../../core/jobs/runnerFiles.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const folder = temporaryFolder();
let jobs = 0;
const watch = new BeatWatch({ wait: true, silenceMs: 300 });

function newJob(): JobPaths {
  const paths = jobPaths(join(folder, String(jobs++)));
  mkdirSync(paths.runners, { recursive: true });
  return paths;
}

function announce(paths: JobPaths, attempt: number, identity: unknown): void {
  writeFileSync(join(paths.runners, `${String(attempt).padStart(6, '0')}.json`), JSON.stringify(identity));
}

afterEach(() => vi.useRealTimers());

describe('a claim', () => {
  it('holds until released; attempts are counted', async () => {
    const paths = newJob();
    const claim = await claimJob(paths, watch);
    expect(claim.attempt).toBe(1);
    const told = { code: 'JOB_RUNNING', message: expect.stringContaining(`process ${process.pid} on `) };
    await expect(claimJob(paths, watch)).rejects.toMatchObject(told);
    await claim.release();
    expect(await findRunners(paths, watch)).toEqual({ attempts: 1, ended: true, live: null });
    const second = await claimJob(paths, watch);
    expect(second.attempt).toBe(2);
    await second.release();
  });

  it('is had by exactly one of many at once', async () => {
    const paths = newJob();
    const claims = await Promise.allSettled(Array.from({ length: 8 }, () => claimJob(paths, watch)));
    expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const claim of claims)
      if (claim.status === 'rejected') expect(claim.reason).toMatchObject({ code: 'JOB_RUNNING' });
  });

  it('is not kept from anybody by a process that is gone, or by another one of its number', async () => {
    const paths = newJob();
    const own = await identifyProcess();
    const { pid: gone } = spawnSync(process.execPath, ['--version']);
    announce(paths, 1, { ...own, pid: gone });
    announce(paths, 2, { ...own, began: '12345' });
    announce(paths, 3, 'not a runner');
    const claim = await claimJob(paths, watch);
    expect(claim.attempt).toBe(4);
    await claim.release();
  });

  it('does not depend on the time of day', async () => {
    const paths = newJob();
    const claim = await claimJob(paths, watch);
    for (const day of ['1980-01-01', '2100-01-01']) {
      vi.useFakeTimers({ now: new Date(day), toFake: ['Date'] });
      expect((await findRunners(paths, watch)).live?.attempt).toBe(1);
    }
    await claim.release();
  });

  it('is given up when a later runner has it, seen twice', async () => {
    const paths = newJob();
    const claim = await claimJob(paths, watch);
    expect(await claim.isTakenOver()).toBe(false);
    announce(paths, 2, await identifyProcess());
    expect(await claim.isTakenOver()).toBe(false);
    expect(await claim.isTakenOver()).toBe(true);
  });
});

describe('a runner on another machine', () => {
  const elsewhere = { pid: 1, host: 'node7', place: 'another boot', began: '1' };

  it('lives while its heartbeat changes', async () => {
    const paths = newJob();
    announce(paths, 1, elsewhere);
    let beat = 0;
    const timer = setInterval(() => writeFileSync(beatPath(paths, 1), String(beat++)), 50);
    try {
      await expect(claimJob(paths, watch)).rejects.toMatchObject({ message: expect.stringContaining('on node7') });
    } finally {
      clearInterval(timer);
    }
  });

  it('is gone when it does not for long enough, however old or new the file says it is', async () => {
    const paths = newJob();
    announce(paths, 1, elsewhere);
    writeFileSync(beatPath(paths, 1), '{"beat":1}');
    const began = performance.now();
    expect((await findRunners(paths, watch)).live).toBeNull();
    expect(performance.now() - began).toBeGreaterThan(300);
  });

  it('counts as alive at the first look of one who will look again', async () => {
    const paths = newJob();
    announce(paths, 1, elsewhere);
    const patient = new BeatWatch({ wait: false, silenceMs: 100 });
    expect((await findRunners(paths, patient)).live?.attempt).toBe(1);
    await new Promise((done) => setTimeout(done, 150));
    expect((await findRunners(paths, patient)).live).toBeNull();
  });
});

describe('a process', () => {
  it('is told from one that is gone', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const identity = await identifyProcess(child.pid);
    expect(await lookForProcess(identity)).toBe('alive');
    child.kill('SIGKILL');
    await new Promise((done) => child.once('exit', done));
    expect(await lookForProcess(identity)).toBe('dead');
  });

  it.runIf(process.platform === 'linux')('that ended counts as gone although its parent has not noticed', async () => {
    // The shell's child ends, and the program the shell became never asks for it.
    const parent = spawn('sh', ['-c', 'sh -c "echo \\$\\$; sleep 0.2" & exec sleep 5'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const pid = Number(await new Promise<string>((done) => parent.stdout.once('data', (data) => done(String(data)))));
    const identity = await identifyProcess(pid);
    expect(await lookForProcess(identity)).toBe('alive');
    await new Promise((done) => setTimeout(done, 600));
    expect(process.kill(pid, 0)).toBe(true);
    expect(await lookForProcess(identity)).toBe('dead');
    parent.kill('SIGKILL');
  });
});

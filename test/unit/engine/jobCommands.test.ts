// `quantscope job …` as a shell sees it.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { takeTurn } from '../../../core/jobs/turns.ts';
import { zJobStatus } from '../../../core/protocol/jobs.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeLlamaFolder } from '../export/exportFixtures.ts';
import { quantscope } from './program.ts';

const folder = temporaryFolder();
process.env.QUANTSCOPE_STATE = join(folder, 'state');
const model = writeLlamaFolder(folder, 'model');
const plan = join(folder, 'model.quantplan.json');
const job = join(folder, "job 'one'\n");
const wish = ['--plan', plan, '--format', 'gguf', '--name', 'a.gguf'];
const json = async (...args: string[]) => {
  const { code, stdout } = await quantscope([...args, '--json']);
  return { code, answer: JSON.parse(stdout) };
};

beforeAll(async () => {
  expect((await quantscope(['plan', model, '--target-bpw', '40', '-o', plan])).code).toBe(0);
  expect((await quantscope(['export', model, ...wish.slice(0, 4), '-o', join(folder, 'direct.gguf')])).code).toBe(0);
}, 60_000);

describe('job', () => {
  it('submit, status, logs, list: a process of its own writes the bytes of a direct export', {
    timeout: 60_000,
  }, async () => {
    const submitted = await json('job', 'submit', model, ...wish, '-o', job, '--threads', '2');
    expect(submitted.code).toBe(0);
    expect(['queued', 'running']).toContain(zJobStatus.parse(submitted.answer).state);
    const followed = await quantscope(['job', 'logs', job, '--follow']);
    expect(followed.stderr).toMatch(/attempt 1: process \d+ on .+, 2 threads\n/);
    expect(followed.stderr).toMatch(/succeeded: .+ bits per weight/);
    const { code, answer } = await json('job', 'status', job);
    expect(code).toBe(0);
    expect(zJobStatus.parse(answer)).toMatchObject({ state: 'succeeded', attempts: 1, failure: null });
    expect(readFileSync(join(job, 'out', 'a.gguf'))).toEqual(readFileSync(join(folder, 'direct.gguf')));
    expect((await json('job', 'list')).answer.jobs).toMatchObject([{ folder: job, state: 'succeeded' }]);
    const shown = await quantscope(['job', 'list']);
    expect(shown.stdout).toContain("job 'one'\\u000a");
    expect((await json('job', 'resume', job)).answer.error).toMatchObject({ code: 'JOB_STATE' });
    expect((await json('job', 'cancel', job)).answer.error).toMatchObject({ code: 'JOB_STATE' });
  });

  it('run makes a job and runs it here', async () => {
    const own = join(folder, 'here');
    const { code, answer } = await json('job', 'run', model, ...wish, '-o', own);
    expect(code).toBe(0);
    expect(answer).toMatchObject({ folder: own, output: join(own, 'out', 'a.gguf'), verify: { ok: true } });
    const again = await json('job', 'run', model, ...wish, '-o', own);
    expect(again).toMatchObject({ code: 1, answer: { error: { code: 'OUTPUT_EXISTS' } } });
  });

  it('waits its turn while another has it; cancelled meanwhile, it never begins', { timeout: 120_000 }, async () => {
    expect((await json('job', 'limit', '--set', '1')).answer).toEqual({ maxRunning: 1 });
    const [first, second] = [join(folder, 'first'), join(folder, 'second')];
    {
      await using _ = await takeTurn(async () => false);
      for (const own of [first, second])
        expect((await json('job', 'submit', model, ...wish, '-o', own, '--threads', '1')).code).toBe(0);
      const waiting = async (own: string, queue: string): Promise<void> => {
        const told = async () => (await json('job', 'status', own)).answer;
        await expect.poll(told, { timeout: 30_000 }).toMatchObject({ state: 'queued', attempts: 0, queue });
      };
      await waiting(first, '1 job before it');
      await waiting(second, '2 jobs before it');
      expect((await json('job', 'cancel', first)).answer).toMatchObject({ state: 'cancelled' });
      expect(existsSync(join(first, 'out.partial'))).toBe(false);
    }
    const done = await quantscope(['job', 'logs', second, '--follow']);
    expect(done.stderr).toMatch(/succeeded/);
    expect((await json('job', 'limit')).answer).toEqual({ maxRunning: 1 });
  });

  it('runs with the threads it was made with, whatever the engine that made it has', async () => {
    const threads = (own: string): unknown => JSON.parse(readFileSync(join(own, 'job.json'), 'utf8')).threads;
    const started = (own: string): unknown =>
      /"type":"started".*?"threads":(\d+)/.exec(readFileSync(join(own, 'journal.ndjson'), 'utf8'))?.[1];
    const own = join(folder, 'own threads');
    await quantscope(['job', 'submit', model, ...wish, '-o', own, '--threads', '3']);
    await quantscope(['job', 'logs', own, '--follow']);
    expect([threads(own), started(own)]).toEqual([3, '3']);
  });

  it.each([
    [['job', 'fly'], 'no command "job fly"; commands: job run,'],
    [['job', 'run', 'model'], 'model: no job, and to make one of a model --plan is missing'],
    [['job', 'run', 'model', '--plan', 'p'], '-o JOBFOLDER is missing'],
    [['job', 'run', 'x', '--shard', '5/4'], '--shard'],
    [['job', 'status'], 'expected JOBFOLDER'],
    [['job', 'limit', '--set', 'many'], '--set'],
    [['job', 'submit', 'm', '--plan', plan, '-o', 'x'], '--format'],
    [['job', 'submit', 'm', ...wish, '-o', 'x', '--launcher', 'moon'], '--launcher'],
    [['job', 'submit', 'm', ...wish, '-o', 'x', '--device', 'tpu'], '--device'],
    [['job', 'submit', 'm', ...wish, '-o', 'x', '--shards', '2'], '--shards belongs to --launcher slurm'],
    [['job', 'submit', 'm', ...wish, '-o', 'x', '--threads', '1.5'], '--threads'],
    [['job', 'submit', 'm', ...wish, '-o', 'x', '--gpu-buffer', '8'], '--gpu-buffer'],
    [['job', 'submit', 'm', '--plan', plan, '--format', 'gguf', '-o', 'x', '--name', '../a'], '--name'],
  ])('%j is wrong usage', async (args, fact) => {
    const { code, stderr } = await quantscope(args);
    expect(stderr).toContain(fact);
    expect(code).toBe(2);
  });

  it('of a folder that is none is FILE_NOT_FOUND', async () => {
    for (const command of ['status', 'logs', 'cancel', 'resume'])
      expect((await json('job', command, folder)).answer.error, command).toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

// Jobs made, run, stopped and resumed in this process.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cancelJob } from '../../../core/jobs/controlJob.ts';
import { createJob, preflightJob } from '../../../core/jobs/createJob.ts';
import { jobPaths, readJob } from '../../../core/jobs/jobFolder.ts';
import { JobView } from '../../../core/jobs/jobStatus.ts';
import { runJob, runShard } from '../../../core/jobs/runJob.ts';
import { requestStop } from '../../../core/jobs/stopRequests.ts';
import { zJobStatus } from '../../../core/protocol/jobs.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { testPool } from '../export/exportFixtures.ts';
import { type JobRig, jobRig, outputOf, recordsOf, VERSIONS } from './jobFixtures.ts';

const parent = temporaryFolder();
const pool = testPool();
let rig: JobRig;
beforeAll(async () => {
  rig = await jobRig(parent, pool);
});

const run = (folder: string, signal?: AbortSignal) => runJob(folder, { pool, versions: VERSIONS, signal });
const statusOf = async (folder: string) => zJobStatus.parse(await new JobView(folder).status());

/** Stops after some units, in order. */
async function runSome(folder: string): Promise<void> {
  const abort = new AbortController();
  const onProgress = ({ phase, doneBytes }: { phase: string; doneBytes: number }): void => {
    if (phase === 'writing' && doneBytes > rig.expected.length / 2) abort.abort();
  };
  await expect(runJob(folder, { pool, versions: VERSIONS, signal: abort.signal, onProgress })).rejects.toMatchObject({
    code: 'CANCELLED',
  });
}

describe('a job', () => {
  it('says what is to be done, then does it: the bytes of a direct export', async () => {
    const folder = await rig.make('plain');
    const { job } = await readJob(jobPaths(folder));
    expect(job).toMatchObject({ format: 'gguf', command: { program: 'node', args: [folder] }, versions: VERSIONS });
    expect(job.expected.bytes).toBe(rig.expected.length);
    expect(await statusOf(folder)).toMatchObject({ state: 'queued', attempts: 0, units: { done: 0 } });
    const result = await run(folder);
    expect(result).toMatchObject({ output: join(folder, 'out', 'model.gguf'), bytes: rig.expected.length });
    expect(result.verify.ok).toBe(true);
    expect(outputOf(folder)).toEqual(rig.expected);
    const status = await statusOf(folder);
    expect(status).toMatchObject({ state: 'succeeded', attempts: 1, runner: null, output: result.output });
    expect(status.units).toEqual({ done: job.expected.units, total: job.expected.units });
    expect(status.bytes).toEqual({ done: rig.expected.length, total: rig.expected.length });
    expect(readdirSync(folder).sort()).toEqual(['job.json', 'journal.ndjson', 'out', 'report.json', 'runners']);
    expect(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')).ok).toBe(true);
  });

  it('that has succeeded is not run again', async () => {
    const folder = await rig.make('once');
    await run(folder);
    const journal = statSync(join(folder, 'journal.ndjson')).size;
    await expect(run(folder)).rejects.toMatchObject({ code: 'JOB_STATE' });
    expect(statSync(join(folder, 'journal.ndjson')).size).toBe(journal);
  });

  const LINKS = ['out.partial', 'rounded', 'runners/000002.beat', 'out.partial/model.gguf', 'journal.ndjson'];
  it.skipIf(process.platform === 'win32').each(LINKS)(
    'with the link %s in it touches nothing outside',
    async (link) => {
      const folder = await rig.make(`linked-${LINKS.indexOf(link)}`);
      const elsewhere = join(parent, `elsewhere-${LINKS.indexOf(link)}`);
      mkdirSync(elsewhere);
      writeFileSync(join(elsewhere, 'kept'), 'kept');
      mkdirSync(dirname(join(folder, link)), { recursive: true });
      rmSync(join(folder, link), { force: true });
      const target = /\.(beat|gguf|ndjson)$/.test(link) ? join(elsewhere, 'kept') : elsewhere;
      symlinkSync(target, join(folder, link));
      const refusal = { code: 'JOB_INVALID', message: expect.stringContaining(link) };
      await expect(run(folder)).rejects.toMatchObject(refusal);
      await expect(cancelJob(new JobView(folder))).rejects.toMatchObject(refusal);
      const shard = runShard(folder, { index: 1, of: 2 }, { pool, versions: VERSIONS });
      // What runs the job itself is no concern of a shard.
      if (!link.startsWith('runners')) await expect(shard).rejects.toMatchObject(refusal);
      else await shard;
      expect(readdirSync(elsewhere)).toEqual(['kept']);
      expect(readFileSync(join(elsewhere, 'kept'), 'utf8')).toBe('kept');
    },
  );

  it('stopped and run again writes only what is missing', async () => {
    const folder = await rig.make('stopped');
    await runSome(folder);
    expect(await statusOf(folder)).toMatchObject({ state: 'paused', failure: null });
    await run(folder);
    expect(outputOf(folder)).toEqual(rig.expected);
    const units = (await recordsOf(folder)).flatMap((record) => (record.type === 'unit' ? [record.unit] : []));
    expect(units).toEqual(units.map((_, at) => at));
  });

  it('cancelled through its folder says so, and can be resumed', async () => {
    const folder = await rig.make('cancelled');
    await requestStop(jobPaths(folder), 'cancel');
    await expect(run(folder)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await statusOf(folder)).toMatchObject({ state: 'cancelled' });
    await run(folder);
    expect(outputOf(folder)).toEqual(rig.expected);
  });

  it('checks what it wrote before it goes on', async () => {
    const folder = await rig.make('damaged');
    await runSome(folder);
    const path = join(folder, 'out.partial', 'model.gguf');
    const bytes = readFileSync(path);
    bytes.fill(0, bytes.length - 200, bytes.length - 100);
    writeFileSync(path, bytes);
    await run(folder);
    expect(outputOf(folder)).toEqual(rig.expected);
    expect(await recordsOf(folder)).toContainEqual(
      expect.objectContaining({ type: 'note', message: '1 units are not what was written: written again' }),
    );
  });

  it('loses its unfinished output and begins anew', async () => {
    const folder = await rig.make('emptied');
    await runSome(folder);
    truncateSync(join(folder, 'out.partial', 'model.gguf'), 0);
    await run(folder);
    expect(outputOf(folder)).toEqual(rig.expected);
  });

  it('begins anew under another version, whose encoders may differ', async () => {
    const folder = await rig.make('updated');
    await runSome(folder);
    await runJob(folder, { pool, versions: { ...VERSIONS, quantscope: '2.0.0' } });
    expect(outputOf(folder)).toEqual(rig.expected);
    const prepared = (await recordsOf(folder)).filter(({ type }) => type === 'prepared');
    expect(prepared.at(-1)).toMatchObject({ fresh: true, kept: 0, versions: { quantscope: '2.0.0' } });
  });

  it('refuses inputs that changed since it was made, whatever their size', async () => {
    const folder = await rig.make('changed');
    const weights = join(rig.model, 'model.safetensors');
    const { mtime } = statSync(weights);
    utimesSync(weights, new Date(), new Date(Date.now() + 60_000));
    await expect(run(folder)).rejects.toMatchObject({ code: 'FILE_CHANGED' });
    const failure = { code: 'FILE_CHANGED', message: expect.stringContaining('changed since the job was made') };
    expect(await statusOf(folder)).toMatchObject({ state: 'failed', failure });
    utimesSync(weights, mtime, mtime);
  });

  it('whose job.json was edited is refused', async () => {
    const folder = await rig.make('edited');
    const path = join(folder, 'job.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"device": "auto"', '"device": "cpu"'));
    await expect(run(folder)).rejects.toMatchObject({ code: 'JOB_INVALID' });
  });

  it.each([
    ['no JSON', () => '{'],
    ['another kind', (text: string) => text.replace('quantscope.job', 'other')],
    ['a newer version', (text: string) => text.replace('"version": 1', '"version": 2')],
    ['an output outside', (text: string) => text.replace('"model.gguf"', '"../model.gguf"')],
    ['a poisoned name', (text: string) => text.replace('"tensors": {', '"tensors": {"__proto__": 1,')],
  ])('with %s in job.json is JOB_INVALID', async (what, change) => {
    const folder = await rig.make(`invalid ${what}`);
    const path = join(folder, 'job.json');
    writeFileSync(path, change(readFileSync(path, 'utf8')));
    await expect(run(folder)).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: expect.stringContaining('job.json'),
    });
    await expect(new JobView(folder).status()).rejects.toMatchObject({ code: 'JOB_INVALID' });
  });

  it('that is none is told so', async () => {
    await expect(run(parent)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringContaining('no job'),
    });
  });
});

describe('the preflight', () => {
  it('tells every check, of a job that can be', async () => {
    const { ok, checks, bytes } = await preflightJob(await rig.wish('new'));
    expect(ok).toBe(true);
    expect(bytes).toBe(rig.expected.length);
    expect(checks.map(({ name }) => name)).toEqual([
      'Job folder',
      'Device',
      'Launcher',
      'Format',
      'Plan',
      'Source',
      'Output',
      'Folder',
      'Disk space',
      'Memory',
      'License',
    ]);
    expect(existsSync(join(parent, 'new'))).toBe(false);
  });

  it.each([
    ['a folder that exists', { folder: parent }, 'Job folder', 'OUTPUT_EXISTS'],
    ['a folder in a missing one', { folder: join(parent, 'none', 'job') }, 'Output', 'OUTPUT_INVALID'],
    ['a device there is not', { device: 'gpu:3' }, 'Device', 'DEVICE_UNAVAILABLE'],
    ['more workers than memory', { workers: 1_000_000 }, 'Memory', 'MEMORY_LIMIT'],
  ] as const)('refuses %s, and nothing is made', async (_, more, name, code) => {
    const before = readdirSync(parent);
    const wish = await rig.wish('refused', more);
    const { ok, checks } = await preflightJob(wish);
    expect(ok).toBe(false);
    expect(checks.filter((check) => !check.ok)).toMatchObject([{ name, code }]);
    await expect(createJob(wish, VERSIONS, () => ({ program: '', args: [] }))).rejects.toMatchObject({ code });
    expect(readdirSync(parent)).toEqual(before);
  });
});

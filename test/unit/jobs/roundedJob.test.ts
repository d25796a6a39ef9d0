// Jobs whose codes are chosen ahead: the bytes of a direct export, through pauses and in shards.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { plannedTypesByIndex } from '../../../core/export/plannedTypes.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { createJob } from '../../../core/jobs/createJob.ts';
import type { Progress } from '../../../core/jobs/heartbeat.ts';
import { jobPaths, readJob } from '../../../core/jobs/jobFolder.ts';
import { JobView } from '../../../core/jobs/jobStatus.ts';
import { runJob, runShard } from '../../../core/jobs/runJob.ts';
import type { RunSettings } from '../../../core/protocol/calibration.ts';
import { GptqRounding } from '../../../core/rounding/gptqRounding.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { TOKENIZER, testPool } from '../export/exportFixtures.ts';
import { type JobRig, jobRig, outputOf, VERSIONS } from './jobFixtures.ts';

const parent = temporaryFolder();
const pool = testPool();
const run = { pool, versions: VERSIONS };
const text = join(parent, 'text.txt');
writeFileSync(text, 'ab a aab baa '.repeat(200));
const settings: RunSettings = { text: { kind: 'file', path: text }, context: 32, sequences: 8, seed: 1 };
let rig: JobRig;
let expected: Buffer;

beforeAll(async () => {
  rig = await jobRig(parent, pool);
  // What running the model on a text needs besides what an export does.
  const bpe = { ...TOKENIZER.model, merges: ['a b', 'Ġ a'] };
  const tokenizer = {
    ...TOKENIZER,
    model: bpe,
    normalizer: null,
    post_processor: null,
    decoder: { type: 'ByteLevel' },
  };
  writeFileSync(join(rig.model, 'tokenizer.json'), JSON.stringify(tokenizer));
  const { plan, inputs } = await rig.wish('direct');
  const rounding = await prepared(join(parent, 'kept'));
  await rounding.carryOut(pool, {});
  const output = join(parent, 'rounded.gguf');
  await runExport('gguf', { ...inputs, plan, rounding, output, overwrite: false }, { pool });
  expected = readFileSync(output);
}, 60_000);

async function prepared(folder: string): Promise<GptqRounding> {
  const { plan } = await rig.wish('any');
  const checkpoint = await openCheckpoint(rig.model);
  return GptqRounding.prepare(checkpoint, pool, { types: plannedTypesByIndex(checkpoint, plan), settings, folder });
}

async function make(name: string): Promise<string> {
  const rounding = await prepared(jobPaths(join(parent, name)).rounded);
  const checkpoint = await openCheckpoint(rig.model);
  const wish = await rig.wish(name, { inputs: { checkpoint, rounding } });
  const { paths } = await createJob(wish, VERSIONS, (folder) => ({ program: 'node', args: [folder] }));
  return paths.folder;
}

describe('a job with GPTQ', () => {
  it('ends with the bytes of a direct export, and says how', async () => {
    expect(expected).not.toEqual(rig.expected);
    const folder = await make('whole');
    const { job } = await readJob(jobPaths(folder));
    expect(job).toMatchObject({ rounding: { method: 'gptq', settings }, expected: { bytes: expected.length } });
    const phases = new Set<string>();
    const result = await runJob(folder, { ...run, onProgress: ({ phase }) => phases.add(phase) });
    expect(result.rounding).toMatchObject({ method: 'gptq', dataset: 'text.txt', chunks: 8 });
    expect([...phases]).toEqual(['checking', 'rounding', 'writing', 'verifying']);
    expect(outputOf(folder)).toEqual(expected);
    expect(readdirSync(folder).sort()).toEqual(['job.json', 'journal.ndjson', 'out', 'report.json', 'runners']);
    expect((await new JobView(folder).status()).name).toMatch(/, GPTQ$/);
  });

  it.each(['rounding', 'writing'] as const)('stopped while %s, goes on with what was rounded', async (phase) => {
    const folder = await make(`stopped while ${phase}`);
    const stop = new AbortController();
    const onProgress = (progress: Progress): void => {
      if (progress.phase === phase && progress.doneBytes > 0) stop.abort();
    };
    await expect(runJob(folder, { ...run, signal: stop.signal, onProgress })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    const { rounded } = jobPaths(folder);
    const [own = ''] = readdirSync(rounded);
    const kept = readdirSync(join(rounded, own));
    expect(kept.filter((name) => name.includes('partial'))).toEqual([]);
    const again: string[] = [];
    await runJob(folder, { ...run, onProgress: (progress) => again.push(`${progress.phase} ${progress.message}`) });
    if (phase === 'writing') expect(again.filter((message) => message.startsWith('rounding rounding'))).toEqual([]);
    expect(outputOf(folder)).toEqual(expected);
    expect(existsSync(rounded)).toBe(false);
  });

  it('in shards, each rounds what it writes', async () => {
    const folder = await make('shards');
    await runShard(folder, { index: 1, of: 2 }, run);
    const { rounded } = jobPaths(folder);
    const [own = ''] = readdirSync(rounded);
    const half = readdirSync(join(rounded, own)).length;
    await runShard(folder, { index: 2, of: 2 }, run);
    expect(half).toBeGreaterThan(0);
    expect(readdirSync(join(rounded, own)).length).toBeGreaterThan(half);
    await runJob(folder, run);
    expect(outputOf(folder)).toEqual(expected);
  });

  it('refuses another text than it was made for', async () => {
    const folder = await make('changed');
    const before = readFileSync(text);
    writeFileSync(text, 'a b a b b b '.repeat(200));
    await expect(runJob(folder, run)).rejects.toMatchObject({
      code: 'FILE_CHANGED',
      message: 'text.txt: other text than when the job was made',
    });
    writeFileSync(text, before);
    await runJob(folder, run);
    expect(outputOf(folder)).toEqual(expected);
  });
});

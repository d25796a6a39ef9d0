// A job weighs columns as a direct export does: by the model's calibration, a file, or nothing.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importImatrix } from '../../../core/engine/calibrating.ts';
import { exportCommand } from '../../../core/engine/commands/export.ts';
import { JOB_COMMANDS } from '../../../core/engine/commands/job.ts';
import { preflightWish } from '../../../core/engine/jobs.ts';
import { Session } from '../../../core/engine/session.ts';
import { type JobWish, zJob } from '../../../core/protocol/jobs.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { imatrixBytes } from '../../fixtures/writeImatrix.ts';
import { FEED_FORWARD, HIDDEN, writeLlamaFolder } from '../export/exportFixtures.ts';
import { planFor } from '../export/plans.ts';

const folder = temporaryFolder();
process.env.QUANTSCOPE_STATE = join(folder, 'state');
process.env.QUANTSCOPE_CACHE = join(folder, 'cache');
const at = (name: string): string => join(folder, name);
const model = writeLlamaFolder(folder, 'model');
const session = new Session(() => {}, { threads: 1 });
afterAll(() => session[Symbol.asyncDispose]());
const { signal } = new AbortController();
const plan = at('model.quantplan.json');
const common = { plan, format: 'gguf' };

/** Weighs what a rounding to four bits gets wrong in one column far more than in the others. */
const matrix = imatrixBytes(
  [
    {
      name: 'blk.1.ffn_down.weight',
      calls: 1,
      values: Array.from({ length: FEED_FORWARD }, (_, i) => (i % 32 === 7 ? 1e4 : 1)),
    },
  ],
  { chunks: 1, dataset: 'text' },
);

async function run(
  name: string,
  values: Record<string, string> = {},
): Promise<{ job: ReturnType<typeof jobOf>; out: Buffer }> {
  const command = JOB_COMMANDS.find((one) => one.name === 'job run');
  const output = at(name);
  await command?.run({
    session,
    positionals: [model],
    values: { ...common, output, ...values },
    signal,
    note: () => {},
  });
  return { job: jobOf(name), out: readFileSync(join(output, 'out', 'model.gguf')) };
}

const jobOf = (name: string) => zJob.parse(JSON.parse(readFileSync(join(at(name), 'job.json'), 'utf8')));

async function exported(name: string, values: Record<string, string> = {}): Promise<Buffer> {
  const output = at(name);
  await exportCommand.run({
    session,
    positionals: [model],
    values: { ...common, output, ...values },
    signal,
    note: () => {},
  });
  return readFileSync(output);
}

/** Of the last layer, whose weights end the file; what the metadata say of the matrix differs. */
const weightsOf = (file: Buffer): Buffer => file.subarray(-LAST_LAYER_BYTES);
/** Q4_0: 18 bytes for 32 weights. */
const LAST_LAYER_BYTES = ((3 * HIDDEN * HIDDEN + 3 * HIDDEN * FEED_FORWARD) * 18) / 32;

beforeAll(async () => {
  const { checkpoint } = await session.open(model, signal);
  writeFileSync(plan, JSON.stringify(planFor(checkpoint, () => 'Q4_0')));
  writeFileSync(at('matrix.dat'), matrix);
});

describe('a job', () => {
  it('of a model without a calibration weighs nothing', async () => {
    const { job, out } = await run('plain');
    expect(job.importance).toBe(null);
    expect(out).toEqual(await exported('plain.gguf'));
    expect(existsSync(at('plain.imatrix.gguf'))).toBe(false);
  });

  it('of a calibrated model weighs by it, from a file beside it; unless told not to', async () => {
    await importImatrix(session, await session.open(model, signal), at('matrix.dat'), signal);
    const { job, out } = await run('calibrated');
    expect(job.importance).toMatchObject({ path: at('calibrated.imatrix.gguf') });
    const direct = await exported('calibrated.gguf');
    const plain = readFileSync(at('plain.gguf'));
    expect(weightsOf(out)).toEqual(weightsOf(direct));
    expect(weightsOf(direct)).not.toEqual(weightsOf(plain));
    const none = await run('none', { imatrix: 'none' });
    expect(none.job.importance).toBe(null);
    expect(none.out).toEqual(plain);
    const named = await run('named', { imatrix: at('matrix.dat') });
    expect(named.job.importance).toMatchObject({ path: at('matrix.dat') });
    expect(weightsOf(named.out)).toEqual(weightsOf(direct));
  });

  it('never replaces a file that has the name of its matrix', async () => {
    writeFileSync(at('taken.imatrix.gguf'), 'mine');
    const { job } = await run('taken');
    expect(job.importance).toMatchObject({ path: at('taken.imatrix-2.gguf') });
    expect(readFileSync(at('taken.imatrix.gguf'), 'utf8')).toBe('mine');
  });

  it('that is refused leaves no matrix behind, and a preflight writes none', async () => {
    await expect(run('refused', { device: 'gpu:no such adapter' })).rejects.toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
    });
    expect(existsSync(at('refused.imatrix.gguf'))).toBe(false);
    const kept = readFileSync(at('calibrated.imatrix.gguf'));
    await expect(run('calibrated')).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(readFileSync(at('calibrated.imatrix.gguf'))).toEqual(kept);
    const wish: JobWish = {
      ...{ model, plan: jobOf('calibrated').plan, format: 'gguf', folder: at('asked'), output: null, importance: null },
      ...{ calibrated: true, device: 'cpu', threads: null, launcher: 'local' },
    };
    expect(await preflightWish(session, wish, signal)).toMatchObject({ ok: true });
    expect(existsSync(at('asked.imatrix.gguf'))).toBe(false);
  });
});

// The world around a job changes: its input, its output's name, what it may write.

import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastOf } from '../journal.ts';
import { failureOf, type Options, type Rig, stateOf, succeed, wish } from '../rig.ts';
import { type Counts, compareOutput, expect, type Scenario } from '../scenario.ts';
import { halfDone, stopped } from './damage.ts';

const NOBODY = 65_534;

export const changedInput: Scenario = {
  name: 'input changed while the job ran',
  async run(rig, counts) {
    const folder = join(rig.folder, 'input');
    const { child, end } = await stopped(rig, folder);
    const weights = join(rig.model, 'model.safetensors');
    const [original, { atime, mtime }] = [readFileSync(weights), statSync(weights)];
    const changed = Buffer.from(original);
    changed.fill(0x3c, changed.length >> 1);
    writeFileSync(weights, changed);
    counts.injected += 1;
    child.kill('SIGCONT');
    const { code } = await end;
    const told = lastOf(folder);
    expect(
      code === 1 && told?.type === 'failed' && told.code === 'FILE_CHANGED',
      `ended with ${code}: ${JSON.stringify(told)}`,
    );
    counts.injected += 1;
    expect((await failureOf(rig, ['job', 'run', folder])) === 'FILE_CHANGED', 'a changed input was taken');
    writeFileSync(weights, original);
    utimesSync(weights, atime, mtime);
    counts.resumes += 1;
    await succeed(rig, ['job', 'run', folder]);
    compareOutput(rig, counts, folder);
    return 'FILE_CHANGED; begun anew with the input restored';
  },
};

export const takenOutput: Scenario = {
  name: 'output folder exists',
  async run(rig, counts) {
    const folder = join(rig.folder, 'taken');
    mkdirSync(folder);
    writeFileSync(join(folder, 'precious'), 'old');
    counts.injected += 1;
    expect(
      (await failureOf(rig, ['job', 'run', ...wish(rig, folder)])) === 'OUTPUT_EXISTS',
      'the folder was taken over',
    );
    expect(readFileSync(join(folder, 'precious'), 'utf8') === 'old', 'a file that was there is gone');
    const half = await halfDone(rig, 'taken later');
    mkdirSync(join(half, 'out'));
    writeFileSync(join(half, 'out', 'precious'), 'old');
    counts.injected += 1;
    expect((await failureOf(rig, ['job', 'run', half])) === 'OUTPUT_EXISTS', 'out/ was taken over');
    expect((await stateOf(rig, half)) === 'failed', 'the state is not failed');
    rmSync(join(half, 'out'), { recursive: true });
    counts.resumes += 1;
    await succeed(rig, ['job', 'run', half]);
    compareOutput(rig, counts, half);
    return 'OUTPUT_EXISTS, nothing touched';
  },
};

export const deniedPermission: Scenario = {
  name: 'permission denied',
  async run(rig, counts) {
    if (process.getuid === undefined) return { skipped: 'this platform has no such permissions' };
    const options: Options = process.getuid() === 0 ? { uid: NOBODY } : {};
    const locked = join(rig.folder, 'locked');
    mkdirSync(locked, { mode: 0o555 });
    chmodSync(locked, 0o555);
    counts.injected += 1;
    const refused = await failureOf(rig, ['job', 'run', ...wish(rig, join(locked, 'job'))], options);
    expect(refused === 'FILE_UNREADABLE', `told as ${refused}`);
    const folder = await halfDone(rig, 'denied', options);
    await whileLocked(rig, counts, folder, options);
    counts.resumes += 1;
    await succeed(rig, ['job', 'run', folder], options);
    compareOutput(rig, counts, folder);
    return 'FILE_UNREADABLE in the journal; finished once allowed';
  },
};

/** The unfinished output belongs to somebody else for a while. */
async function whileLocked(rig: Rig, counts: Counts, folder: string, options: Options): Promise<void> {
  const file = join(folder, 'out.partial', 'model.gguf');
  const { uid, gid } = statSync(file);
  if (options.uid !== undefined) chownSync(file, 0, 0);
  chmodSync(file, 0o444);
  counts.injected += 1;
  expect((await failureOf(rig, ['job', 'run', folder], options)) === 'FILE_UNREADABLE', 'written all the same');
  const told = lastOf(folder);
  expect(told?.type === 'failed' && told.message.includes('permission denied'), `told as ${JSON.stringify(told)}`);
  if (options.uid !== undefined) chownSync(file, uid, gid);
  chmodSync(file, 0o644);
}

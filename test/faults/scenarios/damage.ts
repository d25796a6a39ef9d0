// Files of a job damaged while no runner holds it: the journal cut or flipped, the output flipped, the last word missing.

import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRecords, unitsIn, until } from '../journal.ts';
import { type Ended, ended, type Options, type Rig, start, stateOf, succeed, wish } from '../rig.ts';
import { type Counts, compareOutput, expect, type Scenario } from '../scenario.ts';
import { FOR_EVER_MS, slowDisk } from '../slowDisk.ts';

const TIMES = 6;
/** Of some sixty. */
const UNITS = 20;

export const cutJournal: Scenario = {
  name: 'journal cut in the middle of a record',
  run: (rig, counts, dice) =>
    damaged(rig, counts, 'cut', (folder) => {
      const path = join(folder, 'journal.ndjson');
      truncateSync(path, 1 + dice.below(statSync(path).size - 1));
    }),
};

export const flippedJournal: Scenario = {
  name: 'journal with a flipped bit',
  run: (rig, counts, dice) =>
    damaged(rig, counts, 'flipped', (folder) => flip(join(folder, 'journal.ndjson'), dice.below, dice.below(8))),
};

export const flippedOutput: Scenario = {
  name: 'unfinished output with a flipped bit',
  run: (rig, counts, dice) =>
    damaged(rig, counts, 'output', (folder) =>
      flip(join(folder, 'out.partial', 'model.gguf'), dice.below, dice.below(8)),
    ),
};

/** Between the rename and the record that tells of it. */
export const missingLastRecord: Scenario = {
  name: 'killed between naming the output and saying so',
  async run(rig, counts) {
    const folder = join(rig.folder, 'last record');
    await succeed(rig, ['job', 'run', ...wish(rig, folder)]);
    const before = readRecords(folder).at(-2);
    truncateSync(join(folder, 'journal.ndjson'), before?.end ?? 0);
    counts.injected += 1;
    const state = await stateOf(rig, folder);
    // The last runner let go in order, and left no outcome.
    expect(state === 'lost', `the job is ${state}, not lost`);
    counts.resumes += 1;
    await succeed(rig, ['job', 'run', folder]);
    compareOutput(rig, counts, folder);
    return 'verified again';
  },
};

export const editedJob: Scenario = {
  name: 'job.json edited after it was made',
  async run(rig, counts) {
    const folder = await halfDone(rig, 'edited');
    const path = join(folder, 'job.json');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('"Q', '"q'));
    counts.injected += 1;
    const { code } = await ended(start(rig, ['job', 'run', folder]));
    expect(code === 1, `the edited job ended with ${code}`);
    writeFileSync(path, text.replace('"name"', ' "name"'));
    counts.injected += 1;
    const { stderr } = await ended(start(rig, ['job', 'run', folder]));
    expect(stderr.includes('changed since the job was made'), `not refused: ${stderr}`);
    writeFileSync(path, text);
    counts.resumes += 1;
    await succeed(rig, ['job', 'run', folder]);
    compareOutput(rig, counts, folder);
    return 'refused, then finished as made';
  },
};

/** Killed half way, damaged, resumed; several times. */
async function damaged(rig: Rig, counts: Counts, name: string, damage: (folder: string) => void): Promise<string> {
  let kept = 0;
  let units = 0;
  for (let time = 0; time < TIMES; time++) {
    const folder = await halfDone(rig, `${name} ${time}`);
    units += unitsIn(folder).length;
    damage(folder);
    counts.injected += 1;
    counts.resumes += 1;
    await succeed(rig, ['job', 'run', folder]);
    compareOutput(rig, counts, folder);
    kept += readRecords(folder)
      .flatMap(({ record }) => (record.type === 'prepared' ? [record.kept] : []))
      .reduce((sum, count) => sum + count, 0);
  }
  return `${kept} of ${units} units still good`;
}

/** A job whose runner was killed after some units. */
export async function halfDone(rig: Rig, name: string, options: Options = {}): Promise<string> {
  const folder = join(rig.folder, name);
  const { child, end } = await stopped(rig, folder, options);
  child.kill('SIGKILL');
  await end;
  return folder;
}

/**
 * A runner held by SIGSTOP after it has written some units: alive, and in the middle of its work.
 *
 * @param folder of a new job, or of one to resume
 */
export async function stopped(
  rig: Rig,
  folder: string,
  options: Options = {},
): Promise<{ child: ChildProcess; end: Promise<Ended> }> {
  const before = unitsIn(folder).length;
  const disk = slowDisk(rig.folder, FOR_EVER_MS, { fastWrites: UNITS, shards: ['last'] });
  const nodeOptions = [options.env?.NODE_OPTIONS, disk.nodeOptions].join(' ');
  const args = existsSync(folder) ? [folder] : wish(rig, folder);
  const child = start(rig, ['job', 'run', ...args], { ...options, env: { ...options.env, NODE_OPTIONS: nodeOptions } });
  const end = ended(child);
  await until(`${UNITS} units`, () => unitsIn(folder).length >= before + UNITS);
  child.kill('SIGSTOP');
  disk.speedUp();
  return { child, end };
}

function flip(path: string, below: (n: number) => number, bit: number): void {
  const bytes = readFileSync(path);
  const at = below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
  writeFileSync(path, bytes);
}

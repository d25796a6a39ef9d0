// Run on a tiny disk by scenarios/disk.ts: a job refused before its first byte, and one whose disk fills while it writes.

import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { lastOf, readRecords } from './journal.ts';
import { failureOf, type Rig, succeed, wish } from './rig.ts';
import { type Counts, compareOutput, expect } from './scenario.ts';
import { halfDone } from './scenarios/damage.ts';

const PAGE = 4096;
/** Runner, heartbeat and journal take a few pages besides the output; somewhere in between the disk fills half way. */
const MAX_SPARE_PAGES = 12;

const folder = process.argv[2] ?? '';
const outer = JSON.parse(process.env.QUANTSCOPE_FAULT_RIG ?? '') as Rig;
const env = {
  ...process.env,
  QUANTSCOPE_STATE: join(outer.folder, 'state'),
  QUANTSCOPE_CACHE: join(outer.folder, 'cache'),
};
const rig: Rig = { ...outer, folder, env, expected: readFileSync(join(outer.folder, 'direct.gguf')) };
const counts: Counts = { injected: 0, resumes: 0, identical: 0, losses: 0 };

leaveFree(1024 * 1024);
counts.injected += 1;
expect((await failureOf(rig, ['job', 'run', ...wish(rig, join(folder, 'refused'))])) === 'DISK_FULL', 'not refused');
expect(readdirSync(folder).join() === 'filler', `left behind: ${readdirSync(folder)}`);
rmSync(join(folder, 'filler'));

const job = await halfDone(rig, 'job');
const spare = await fillWhileWriting(job);
rmSync(join(folder, 'filler'));
counts.resumes += 1;
await succeed(rig, ['job', 'run', job]);
compareOutput(rig, counts, job);
console.log(
  JSON.stringify({ counts, fact: `DISK_FULL in the journal with ${spare} pages to spare; finished with room` }),
);

/** Resumes with room for the output and ever more pages, until the disk fills after the preflight found enough. */
async function fillWhileWriting(job: string): Promise<number> {
  const output = join(job, 'out.partial', 'model.gguf');
  for (let spare = 0; spare < MAX_SPARE_PAGES; spare++) {
    leaveFree(rig.expected.length - statSync(output).size + spare * PAGE);
    const before = prepared(job);
    counts.injected += 1;
    counts.resumes += 1;
    expect((await failureOf(rig, ['job', 'run', job])) === 'DISK_FULL', 'a full disk went unnoticed');
    const told = lastOf(job);
    if (prepared(job) > before) {
      expect(told?.type === 'failed' && told.code === 'DISK_FULL', `the journal ends with ${JSON.stringify(told)}`);
      return spare;
    }
  }
  throw new Error('the disk never filled half way');
}

function prepared(job: string): number {
  return readRecords(job).filter(({ record }) => record.type === 'prepared').length;
}

function leaveFree(bytes: number): void {
  const path = join(folder, 'filler');
  if (existsSync(path)) rmSync(path);
  const { bavail, bsize } = statfsSync(folder);
  const size = Math.floor((bavail * bsize - bytes) / PAGE) * PAGE;
  const file = openSync(path, 'w');
  writeSync(file, Buffer.alloc(Math.max(0, size)));
  closeSync(file);
}

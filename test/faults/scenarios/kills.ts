// kill -9 of the runner at random moments, from its first instruction to its last.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { lastOf, readRecords, unitsIn } from '../journal.ts';
import { ended, type Rig, removeJob, start, wish } from '../rig.ts';
import { type Counts, checkJournal, compareOutput, expect, type Scenario } from '../scenario.ts';

const KILLS = 50;
/** Of one job, before it may finish. */
const MAX_KILLS_OF_A_JOB = 8;
/** Of a job's time: what a runner takes when all has been written. */
const LEAST_TIME = 0.4;

/** What a kill left: units journaled, and bytes of the file beyond the last of them. */
interface Left {
  readonly journaled: number;
  readonly fileBytes: number;
}

export const killedRunner: Scenario = {
  name: `runner killed at ${KILLS} random moments`,
  async run(rig, counts, dice) {
    const began = counts.injected;
    let jobs = 0;
    for (; counts.injected - began < KILLS; jobs++) {
      const folder = join(rig.folder, `killed ${jobs}`);
      const left: Left[] = [];
      let finished = false;
      for (let kill = dice.below(MAX_KILLS_OF_A_JOB) + 1; kill > 0 && !finished; kill--) {
        const killed = await runAndKill(rig, folder, (dice.below(1000) / 1000) * timeLeft(rig, folder), counts);
        if (killed) left.push(leftBy(folder));
        finished = !killed;
      }
      if (!finished) await run(rig, folder, counts);
      compareOutput(rig, counts, folder);
      checkJournal(folder, counts);
      checkOverhang(folder, left, counts);
      removeJob(folder);
    }
    return `${jobs} jobs`;
  },
};

function timeLeft({ jobMs }: Rig, folder: string): number {
  const prepared = readRecords(folder).find(({ record }) => record.type === 'prepared')?.record;
  const share = prepared?.type === 'prepared' ? unitsIn(folder).length / prepared.units : 0;
  return jobMs * (1 - (1 - LEAST_TIME) * share);
}

/** @returns false when the job was done before */
async function runAndKill(rig: Rig, folder: string, afterMs: number, counts: Counts): Promise<boolean> {
  const runner = begin(rig, folder, counts);
  const end = ended(runner);
  await new Promise((done) => setTimeout(done, afterMs));
  runner.kill('SIGKILL');
  const { signal, code, stderr } = await end;
  if (signal === 'SIGKILL') {
    counts.injected += 1;
    // After its last word there is nothing to resume.
    return lastOf(folder)?.type !== 'succeeded';
  }
  expect(code === 0, `the runner ended with ${code}: ${stderr}`);
  return false;
}

async function run(rig: Rig, folder: string, counts: Counts): Promise<void> {
  const { code, stderr } = await ended(begin(rig, folder, counts));
  expect(code === 0, `the resume ended with ${code}: ${stderr}`);
}

/** A kill before the job's folder had its name leaves nothing to resume. */
function begin(rig: Rig, folder: string, counts: Counts) {
  if (!existsSync(folder)) return start(rig, ['job', 'run', ...wish(rig, folder)]);
  counts.resumes += 1;
  return start(rig, ['job', 'run', folder]);
}

function leftBy(folder: string): Left {
  const file = join(folder, 'out.partial', 'model.gguf');
  return { journaled: unitsIn(folder).length, fileBytes: existsSync(file) ? statSync(file).size : 0 };
}

/** No kill cost more than the one unit under way. */
function checkOverhang(folder: string, left: readonly Left[], counts: Counts): void {
  const units = unitsIn(folder);
  const overhangs = left.filter(({ journaled, fileBytes }) => {
    const next = units[journaled];
    return next !== undefined && fileBytes > next.offset + next.bytes;
  });
  counts.losses += overhangs.length;
  expect(overhangs.length === 0, `${folder}: a kill cost more than one unit`);
}

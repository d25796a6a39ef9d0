// kill -9 of the runner at random moments, from its first instruction to its last; and of the process that started it.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { lastOf, readRecords, unitsIn, until } from '../journal.ts';
import { ended, type Rig, start, stateOf, succeed, wish } from '../rig.ts';
import { type Counts, compareOutput, expect, type Scenario } from '../scenario.ts';

const KILLS = 50;
const ENGINE_KILLS = 10;
/** Of one job, before it may finish. */
const MAX_KILLS_OF_A_JOB = 6;

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
        const killed = await runAndKill(rig, folder, (dice.below(1000) / 1000) * rig.jobMs, counts);
        if (killed) left.push(leftBy(folder));
        finished = !killed;
      }
      if (!finished) await run(rig, folder, counts);
      compareOutput(rig, counts, folder);
      checkNothingTwice(folder, left, counts);
    }
    return `${jobs} jobs`;
  },
};

export const killedEngine: Scenario = {
  name: `engine killed while it starts a job, at ${ENGINE_KILLS} random moments`,
  async run(rig, counts, dice) {
    let [none, resumed] = [0, 0];
    for (let kill = 0; kill < ENGINE_KILLS; kill++) {
      const folder = join(rig.folder, `orphan ${kill}`);
      const engine = start(rig, ['job', 'submit', ...wish(rig, folder)]);
      const end = ended(engine);
      await new Promise((done) => setTimeout(done, (dice.below(1000) / 2000) * rig.jobMs));
      engine.kill('SIGKILL');
      counts.injected += 1;
      await end;
      if (!existsSync(folder)) none += 1;
      else resumed += await finish(rig, folder, counts);
    }
    return `${none} before there was a job, ${resumed} resumed, the others ran on`;
  },
};

/** A job is whole from the moment it is there: its runner lives, or can be started. @returns resumes */
async function finish(rig: Rig, folder: string, counts: Counts): Promise<0 | 1> {
  // A runner that was started just before the engine died takes a moment to claim its job.
  await new Promise((done) => setTimeout(done, rig.jobMs));
  const state = await stateOf(rig, folder);
  expect(['queued', 'running', 'succeeded'].includes(state), `${folder}: the job is ${state}`);
  if (state === 'queued') {
    counts.resumes += 1;
    await succeed(rig, ['job', 'resume', folder]);
  }
  await until('the job to end', () => lastOf(folder)?.type === 'succeeded');
  compareOutput(rig, counts, folder);
  return state === 'queued' ? 1 : 0;
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

/** Every unit is journaled once, and no kill cost more than the one unit under way. */
function checkNothingTwice(folder: string, left: readonly Left[], counts: Counts): void {
  const units = unitsIn(folder);
  const twice = units.length - new Set(units.map(({ unit }) => unit)).size;
  let journaled = 0;
  let forgotten = 0;
  for (const { record } of readRecords(folder)) {
    if (record.type === 'unit') journaled += 1;
    if (record.type === 'prepared') forgotten += journaled - record.kept;
  }
  const overhangs = left.filter(({ journaled, fileBytes }) => {
    const next = units[journaled];
    return next !== undefined && fileBytes > next.offset + next.bytes;
  });
  counts.losses += twice + forgotten + overhangs.length;
  expect(twice === 0 && forgotten === 0, `${folder}: ${twice} units done twice, ${forgotten} forgotten`);
  expect(overhangs.length === 0, `${folder}: a kill cost more than one unit`);
}

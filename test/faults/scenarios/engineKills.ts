// kill -9 of the engine at random moments, as the editor has it: while it starts, makes a job, launches it, watches it.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsePlan } from '../../../core/allocation/planDocument.ts';
import { isQuantscopeError } from '../../../core/base/errors.ts';
import { type JobWish, zJobWish } from '../../../core/protocol/jobs.ts';
import { EngineProcess } from '../../../extension/engineProcess.ts';
import { lastOf } from '../journal.ts';
import { type Rig, removeJob } from '../rig.ts';
import { type Counts, checkJournal, compareOutput, expect, type Scenario } from '../scenario.ts';

const KILLS = 50;
/** Of one job, before an engine may see its end. */
const MAX_KILLS_OF_A_JOB = 6;
/** Of a job's time, at most, before a kill: several engines see parts of one job. */
const TIME_OF_AN_ENGINE = 0.6;
const LOOK_MS = 50;

export const killedEngine: Scenario = {
  name: `engine killed at ${KILLS} random moments`,
  async run(rig, counts, dice) {
    const [began, resumed] = [counts.injected, counts.resumes];
    let [jobs, early] = [0, 0];
    for (; counts.injected - began < KILLS; jobs++) {
      const wish = wishFor(rig, join(rig.folder, `orphan ${jobs}`));
      const { folder } = wish;
      for (let kill = dice.below(MAX_KILLS_OF_A_JOB) + 1; kill > 0 && !isDone(folder); kill--) {
        await followAndKill(rig, wish, counts, (dice.below(1000) / 1000) * rig.jobMs * TIME_OF_AN_ENGINE);
        if (!existsSync(folder)) early += 1;
      }
      const { engine, end } = startEngine(rig);
      await follow(engine, wish, counts);
      const { jobs: listed } = await engine.call('jobs', {});
      expect(
        listed.some((job) => job.folder === folder),
        `${folder}: in no list`,
      );
      engine.stop();
      await end;
      compareOutput(rig, counts, folder);
      // One runner did it all, whatever became of the engines beside it.
      const attempts = checkJournal(folder, counts);
      expect(attempts === 1, `${folder}: ${attempts} attempts`);
      removeJob(folder);
    }
    return `${jobs} jobs; ${early} kills before there was one, ${counts.resumes - resumed} before it was launched`;
  },
};

function wishFor({ model, plan }: Rig, folder: string): JobWish {
  const settings = { importance: null, calibrated: false, device: 'cpu', threads: 2, launcher: 'local' };
  const output = { format: 'gguf', folder, output: 'model.gguf' };
  return zJobWish.parse({ model, plan: parsePlan(readFileSync(plan, 'utf8'), plan), ...output, ...settings });
}

function isDone(folder: string): boolean {
  return lastOf(folder)?.type === 'succeeded';
}

function startEngine({ engine: program, env }: Rig): { engine: EngineProcess; end: Promise<void> } {
  const { promise: end, resolve } = Promise.withResolvers<void>();
  const engine = new EngineProcess({ program, env }, { event() {}, log() {}, ended: () => resolve() });
  return { engine, end };
}

async function followAndKill(rig: Rig, wish: JobWish, counts: Counts, afterMs: number): Promise<void> {
  const { engine, end } = startEngine(rig);
  const following = follow(engine, wish, counts).then(
    () => null,
    (error: unknown) => error,
  );
  await sleep(afterMs);
  process.kill(engine.pid ?? Number.NaN, 'SIGKILL');
  counts.injected += 1;
  await end;
  const error = await following;
  if (error !== null && !hasCode(error, 'ENGINE_CRASHED')) throw error;
}

/** What the editor does about a job, until it has succeeded. @throws Error when it is anything but on its way */
async function follow(engine: EngineProcess, wish: JobWish, counts: Counts): Promise<void> {
  const { folder } = wish;
  await engine.handshake();
  if (!existsSync(folder)) await engine.call('jobStart', { wish });
  for (;;) {
    const { state } = await engine.call('jobStatus', { folder });
    if (state === 'succeeded') return;
    expect(state === 'running' || state === 'queued', `${folder}: the job is ${state}`);
    // Its engine died before it had said what it launched, or before it launched anything.
    if (state === 'queued' && !existsSync(join(folder, 'launch.json'))) await resume(engine, folder, counts);
    await sleep(LOOK_MS);
  }
}

/** Refused when there is a runner after all. */
async function resume(engine: EngineProcess, folder: string, counts: Counts): Promise<void> {
  try {
    await engine.call('jobResume', { folder });
    counts.resumes += 1;
  } catch (error) {
    if (!hasCode(error, 'JOB_RUNNING') && !hasCode(error, 'JOB_STATE')) throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return isQuantscopeError(error) && error.code === code;
}

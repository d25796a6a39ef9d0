// Shards of one job as an array of processes, as Slurm's tasks are: one is killed again and again at random moments.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsePlan } from '../../../core/allocation/planDocument.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { createJob } from '../../../core/jobs/createJob.ts';
import type { Dice } from '../../fuzz/dice.ts';
import { ended, failureOf, type Rig, removeJob, start, succeed } from '../rig.ts';
import { type Counts, checkJournal, compareOutput, expect, type Scenario } from '../scenario.ts';

const SHARDS = 4;
const KILLS = 50;
/** Of one shard, before it may finish. */
const MAX_KILLS_OF_A_JOB = 8;
/** Of a job's time: beside the other shards, and after them. */
const [TIME_BESIDE, TIME_ALONE] = [0.7, 0.4];

export const killedShard: Scenario = {
  name: `one of ${SHARDS} shards killed at ${KILLS} random moments`,
  async run(rig, counts, dice) {
    const began = counts.injected;
    let [jobs, left] = [0, 0];
    for (; counts.injected - began < KILLS; jobs++) {
      const folder = await made(rig, `shards ${jobs}`);
      const unlucky = 1 + dice.below(SHARDS);
      const others = Array.from({ length: SHARDS }, (_, at) => at + 1).filter((index) => index !== unlucky);
      const beside = Promise.all(others.map((index) => succeed(rig, shardArgs(folder, index))));
      // Told below, if the unlucky one does not fail first.
      beside.catch(() => {});
      const finished = await killAgainAndAgain(rig, folder, unlucky, counts, dice);
      // Every other time nobody runs it again: the job's own runner does what is missing.
      if (!finished && dice.oneIn(2)) left += 1;
      else if (!finished) {
        counts.resumes += 1;
        await succeed(rig, shardArgs(folder, unlucky));
      }
      await beside;
      for (const index of others) expect(checkShard(folder, index, counts) === 1, `${folder}: a neighbour began again`);
      checkShard(folder, unlucky, counts);
      await succeed(rig, ['job', 'run', folder]);
      compareOutput(rig, counts, folder);
      expect((await failureOf(rig, shardArgs(folder, 1))) === 'JOB_STATE', 'a finished job took a shard');
      removeJob(folder);
    }
    return `${jobs} jobs; ${left} shards left to the job's own runner`;
  },
};

/** @returns whether the shard was written before the last kill came */
async function killAgainAndAgain(rig: Rig, folder: string, shard: number, counts: Counts, dice: Dice) {
  const kills = dice.below(MAX_KILLS_OF_A_JOB) + 1;
  for (let kill = 0; kill < kills; kill++) {
    const runner = start(rig, shardArgs(folder, shard));
    const end = ended(runner);
    await sleep((dice.below(1000) / 1000) * rig.jobMs * (kill === 0 ? TIME_BESIDE : TIME_ALONE));
    runner.kill('SIGKILL');
    const { signal, code, stderr } = await end;
    if (kill > 0) counts.resumes += 1;
    if (signal === 'SIGKILL') counts.injected += 1;
    else {
      expect(code === 0, `${folder}: shard ${shard} ended with ${code}: ${stderr}`);
      return true;
    }
  }
  return false;
}

/** A job that nobody runs yet. */
async function made(rig: Rig, name: string): Promise<string> {
  const plan = parsePlan(readFileSync(rig.plan, 'utf8'), rig.plan);
  const inputs = { checkpoint: await openCheckpoint(rig.model) };
  const output = { format: 'gguf', folder: join(rig.folder, name), output: 'model.gguf' } as const;
  const settings = { importance: null, device: 'cpu', threads: 1, launcher: 'local', workers: 1 } as const;
  const versions = { quantscope: '', node: '', platform: '' };
  const command = () => ({ program: '', args: [] });
  return (await createJob({ inputs, plan, ...output, ...settings }, versions, command)).paths.folder;
}

function shardArgs(folder: string, index: number): string[] {
  return ['job', 'run', folder, '--shard', `${index}/${SHARDS}`];
}

/** @returns attempts. One killed before its first record has left no journal. */
function checkShard(folder: string, index: number, counts: Counts): number {
  return checkJournal(join(folder, 'shards', String(index).padStart(4, '0')), counts);
}

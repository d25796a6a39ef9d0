// Shards of one job as an array of processes: one is killed at a random moment and run again, or left out.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePlan } from '../../../core/allocation/planDocument.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { createJob } from '../../../core/jobs/createJob.ts';
import { readRecords } from '../journal.ts';
import { ended, failureOf, type Rig, start, succeed } from '../rig.ts';
import { compareOutput, expect, type Scenario } from '../scenario.ts';

const SHARDS = 4;
const ROUNDS = 5;

export const killedShard: Scenario = {
  name: `one of ${SHARDS} shards killed, ${ROUNDS} times`,
  async run(rig, counts, dice) {
    let again = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const folder = await made(rig, `shards ${round}`);
      const runners = Array.from({ length: SHARDS }, (_, at) => start(rig, shardArgs(folder, at + 1)));
      const ends = runners.map(ended);
      await new Promise((done) => setTimeout(done, (dice.below(1000) / 1000) * rig.jobMs));
      const unlucky = dice.below(SHARDS);
      runners[unlucky]?.kill('SIGKILL');
      const killed = (await Promise.all(ends))[unlucky]?.signal === 'SIGKILL';
      if (killed) counts.injected += 1;
      // Every other time nobody runs it again: the job's own runner does what is missing.
      if (killed && dice.oneIn(2)) {
        counts.resumes += 1;
        again += 1;
        await succeed(rig, shardArgs(folder, unlucky + 1));
      }
      await succeed(rig, ['job', 'run', folder]);
      compareOutput(rig, counts, folder);
      const twice = unitsOf(folder);
      expect(new Set(twice).size === twice.length, `${folder}: a unit is journaled twice`);
      expect((await failureOf(rig, shardArgs(folder, 1))) === 'JOB_STATE', 'a finished job took a shard');
    }
    return `${again} run again, the others finished by the job's own runner`;
  },
};

/** A job that nobody runs yet. */
async function made(rig: Rig, name: string): Promise<string> {
  const plan = parsePlan(readFileSync(rig.plan, 'utf8'), rig.plan);
  const inputs = { checkpoint: await openCheckpoint(rig.model) };
  const output = { format: 'gguf', folder: join(rig.folder, name), output: 'model.gguf' } as const;
  const settings = { importance: null, device: 'auto', threads: 1, launcher: 'local', workers: 1 } as const;
  const versions = { quantscope: '', node: '', platform: '' };
  const command = () => ({ program: '', args: [] });
  return (await createJob({ inputs, plan, ...output, ...settings }, versions, command)).paths.folder;
}

function shardArgs(folder: string, index: number): string[] {
  return ['job', 'run', folder, '--shard', `${index}/${SHARDS}`];
}

/** In the job's own journal, from its last attempt on. */
function unitsOf(folder: string): number[] {
  let units: number[] = [];
  for (const { record } of readRecords(folder)) {
    if (record.type === 'prepared' && record.fresh) units = [];
    if (record.type === 'unit') units.push(record.unit);
  }
  return units;
}

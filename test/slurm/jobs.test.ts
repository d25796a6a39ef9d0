// Jobs on a real Slurm: finished to the byte whatever becomes of a task, a node or the controller; cancelled and resumed.

import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIfStale } from '../../scripts/buildIfStale.ts';
import { unitsIn } from '../faults/journal.ts';
import { FOR_EVER_MS } from '../faults/slowDisk.ts';
import { dice } from '../fuzz/dice.ts';
import { startCluster } from './cluster.ts';
import { isAlive } from './processes.ts';
import {
  attemptOf,
  isWritten,
  launchOf,
  runnerOf,
  type SlurmRig,
  settingsFile,
  slowContainer,
  slurmRig,
  stub,
  TEST_MS,
  unitsOfShard,
  until,
} from './slurmRig.ts';

const cluster = await startCluster();
if (typeof cluster === 'string') console.log(`skipped: ${cluster}`);

const GPU = ['--slurm-gres', 'gpu:1', '--slurm-partition', 'test'];
const HOSTILE = `a 'b' "c" é\r\n#SBATCH --partition=none\n$(touch x) \`y\` %a \\ \t&;|*`;
const SEED = 1;
const RANDOM_KILLS = 6;
const CONTROLLER_DOWN_MS = 60_000;

describe.skipIf(typeof cluster === 'string')('jobs on Slurm', { timeout: TEST_MS }, () => {
  if (typeof cluster === 'string') return;
  let at: SlurmRig;
  beforeAll(async () => {
    buildIfStale(['kernels', 'host']);
    at = await slurmRig(cluster);
  }, TEST_MS);
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    at?.rig.dispose();
  }, TEST_MS);

  /** State by place in the array; the last step has none. */
  const tasks = (folder: string): Record<string, string> => {
    const format = ['--states=all', '--array', '--noheader', '--format=%K %T'];
    const { stdout, stderr, status } = cluster.slurm('squeue', `--name=${launchOf(folder).name}`, ...format);
    if (status !== 0) throw new Error(stderr);
    return Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')),
    );
  };
  const output = (folder: string): Buffer => readFileSync(join(folder, 'out', 'model.gguf'));
  const settings = (value: object): string[] => ['--slurm-settings', settingsFile(JSON.stringify(value))];
  const finished = async (folder: string): Promise<void> => {
    const ends = ['succeeded', 'lost', 'failed'];
    const done = await at.until(folder, ({ state }) => ends.includes(state));
    expect(done).toMatchObject({ state: 'succeeded', failure: null });
    expect(Buffer.compare(output(folder), Buffer.from(at.rig.expected))).toBe(0);
  };
  /** @returns the process of a runner that has written some units and is about to write more */
  const inTheMiddleOf = async (folder: string, shard: number, attempt = 1): Promise<number> => {
    await until(`some units of shard ${shard}`, () => unitsOfShard(folder, shard) > 0);
    return runnerOf(folder, shard, attempt) ?? Number.NaN;
  };

  it('a task killed with kill -9: the last step does its units, and the bytes are those of a direct export', async () => {
    const { container } = slowContainer(FOR_EVER_MS, [2]);
    const { folder, status } = await at.submit(HOSTILE, [...GPU, ...settings({ shards: 4, container })]);
    expect(status).toMatchObject({
      launcher: 'slurm',
      queue: expect.stringMatching(/^Slurm job \d+: .*\d (waiting|of 4 shards running)/),
    });
    process.kill(await inTheMiddleOf(folder, 2), 'SIGKILL');
    await finished(folder);
    // Slurm learns of the last step's end after the job has told its own.
    await until('the last step', () => !Object.values(tasks(folder)).some((state) => /RUNNING|COMPLETING/.test(state)));
    expect(tasks(folder)).toEqual({ 1: 'COMPLETED', 2: 'FAILED', 3: 'COMPLETED', 4: 'COMPLETED', 'N/A': 'COMPLETED' });
    expect(existsSync('x')).toBe(false);
  });

  it(`tasks killed with kill -9 at ${RANDOM_KILLS} random moments, all of an array but one among them`, async () => {
    const { below } = dice(SEED);
    let [kills, jobs, missed] = [0, 0, 0];
    for (; kills < RANDOM_KILLS; jobs++) {
      const { container } = slowContainer(50);
      const { folder } = await at.submit(`random ${jobs}`, [...GPU, ...settings({ shards: 4, container })]);
      const spared = 1 + below(4);
      const victims = [1, 2, 3, 4].filter((shard) => shard !== spared).map((shard) => ({ shard, afterMs: below(600) }));
      await Promise.all(
        victims.map(async ({ shard, afterMs }) => {
          await until(`a runner of shard ${shard}`, () => attemptOf(folder, shard, 1));
          await sleep(afterMs);
          const runner = runnerOf(folder, shard);
          if (runner === null) missed += 1;
          else process.kill(runner, 'SIGKILL');
          if (runner !== null) kills += 1;
        }),
      );
      await finished(folder);
      const units = unitsIn(folder).map(({ unit }) => unit);
      expect(new Set(units).size).toBe(units.length);
    }
    console.log(`Slurm tasks, seed ${SEED}: ${kills} killed in ${jobs} jobs, ${missed} had ended, outputs identical`);
  });

  it('a shard whose node fails is put back into the queue and goes on; the others run once', async () => {
    const { container, speedUp } = slowContainer(FOR_EVER_MS, [2]);
    const flags = [...GPU, ...settings({ shards: 2, atOnce: 1, cpus: 1, container })];
    const { folder } = await at.submit('node failure', flags);
    const { array } = launchOf(folder);
    const first = await inTheMiddleOf(folder, 2);
    expect(tasks(folder)).toMatchObject({ 1: 'COMPLETED', 2: 'RUNNING' });
    const node = (state: string) =>
      cluster.slurm('scontrol', 'update', `NodeName=${hostname()}`, `State=${state}`, 'Reason=x');
    expect(node('DOWN').status).toBe(0);
    await until('the task in the queue', () => tasks(folder)[2] === 'PENDING');
    expect(await at.status(folder)).toMatchObject({ queue: expect.stringMatching(/1 waiting/) });
    await until('the first attempt to die', () => !isAlive(first));
    // Slurm lets a task it puts back wait for two minutes. A node asked sooner may not have forgotten the first attempt
    // ("already running"); then Slurm holds the task and drains the node.
    const beginNow = (): void => {
      node('RESUME');
      cluster.slurm('scontrol', 'release', `${array}_2`);
      cluster.slurm('scontrol', 'update', `JobId=${array}_2`, 'StartTime=now');
    };
    await until('its turn', () => attemptOf(folder, 2, 2), { meanwhile: beginNow, everyMs: 1000 });
    const attempts = [1, 2].map((shard) => [1, 2].filter((attempt) => attemptOf(folder, shard, attempt)).length);
    expect(attempts).toEqual([1, 2]);
    speedUp();
    await finished(folder);
  });

  it('is cancelled, and resumed with the missing shards only', async () => {
    const { container, speedUp } = slowContainer(1000, [2]);
    const { folder } = await at.submit('cancelled', [...GPU, ...settings({ shards: 3, atOnce: 1, container })]);
    await inTheMiddleOf(folder, 2);
    expect(await at.ask(['job', 'cancel', folder])).toMatchObject({ code: 0, answer: { state: 'cancelled' } });
    expect(Object.values(tasks(folder)).filter((state) => /PENDING|RUNNING/.test(state))).toEqual([]);
    speedUp();
    expect((await at.ask(['job', 'resume', folder])).code).toBe(0);
    const again = tasks(folder);
    expect(again).toHaveProperty('3');
    expect(again).not.toHaveProperty('1');
    await finished(folder);
  });

  it('whose scancel fails is cancelled by its tasks, which find the request in the folder', async () => {
    const { container, speedUp } = slowContainer(FOR_EVER_MS);
    const { folder } = await at.submit('no scancel', [...GPU, ...settings({ shards: 2, container })]);
    const path = stub('scancel', 'echo "scancel: error: Access/permission denied" >&2; exit 1');
    const { code, answer } = await at.ask(['job', 'cancel', folder], { PATH: path });
    expect(code).toBe(1);
    expect(answer).toMatchObject({
      error: { code: 'LAUNCH_FAILED', message: expect.stringMatching(/^scancel: Access/) },
    });
    speedUp();
    await at.until(folder, ({ state }) => state === 'cancelled');
    await until('the tasks to end', () => !/PENDING|RUNNING|COMPLETING/.test(Object.values(tasks(folder)).join(' ')));
    expect((await at.status(folder)).state).toBe('cancelled');
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });

  it('with the controller down for a minute cannot be asked about, and is not lost; nothing is submitted meanwhile', async () => {
    const { container, speedUp } = slowContainer(FOR_EVER_MS);
    const { folder } = await at.submit('controller', [...GPU, ...settings({ shards: 2, container })]);
    await Promise.all([inTheMiddleOf(folder, 1), inTheMiddleOf(folder, 2)]);
    await cluster.stopController();
    const began = performance.now();
    try {
      await expect(at.submit('not now', [...GPU, ...settings({ timeoutSeconds: 2 })])).rejects.toThrow(
        /LAUNCH_FAILED.*sbatch: .*; no job was made, submit it again once/,
      );
      expect(existsSync(join(at.rig.folder, 'not now'))).toBe(false);
      // The tasks go on without it, to their end.
      speedUp();
      await until('both shards', () => isWritten(folder, 1) && isWritten(folder, 2));
      expect(await at.status(folder)).toMatchObject({
        state: 'queued',
        queue: expect.stringMatching(/^Slurm cannot be asked: squeue: /),
      });
      await sleep(CONTROLLER_DOWN_MS - (performance.now() - began));
    } finally {
      await cluster.startController();
    }
    await finished(folder);
    await finished((await at.submit('not now', GPU)).folder);
  });
});

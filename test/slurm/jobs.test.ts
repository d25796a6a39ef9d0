// Jobs on a real Slurm: finished to the byte whatever becomes of a task, cancelled, and told about when Slurm is not well.

import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIfStale } from '../../scripts/buildIfStale.ts';
import { startCluster } from './cluster.ts';
import { attemptOf, launchOf, runnerOf, type SlurmRig, settingsFile, slurmRig, stub, until } from './slurmRig.ts';

const cluster = await startCluster();
if (typeof cluster === 'string') console.log(`skipped: ${cluster}`);

const GPU = ['--slurm-gres', 'gpu:1', '--slurm-partition', 'test'];
const HOSTILE = `a 'b' "c" é\r\n#SBATCH --partition=none\n$(touch x) \`y\` %a \\ \t&;|*`;

describe.skipIf(typeof cluster === 'string')('jobs on Slurm', { timeout: 180_000 }, () => {
  if (typeof cluster === 'string') return;
  let at: SlurmRig;
  beforeAll(async () => {
    buildIfStale(['kernels', 'host']);
    at = await slurmRig(cluster);
  }, 120_000);
  afterAll(async () => {
    at?.rig.dispose();
    await cluster[Symbol.asyncDispose]();
  });

  /** Job name, place in the array, state. */
  const tasks = (folder: string): Record<string, string> => {
    const format = ['--states=all', '--array', '--noheader', '--format=%K %T'];
    const { stdout } = cluster.slurm('squeue', `--name=${launchOf(folder).name}`, ...format);
    return Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')),
    );
  };
  const output = (folder: string): Buffer => readFileSync(join(folder, 'out', 'model.gguf'));
  const settings = (value: object): string[] => ['--slurm-settings', settingsFile(JSON.stringify(value))];

  it('a task killed with kill -9: the last step does its units, and the bytes are those of a direct export', async () => {
    const { folder, status } = await at.submit(HOSTILE, [...GPU, '--shards', '4']);
    expect(status).toMatchObject({ state: 'queued', launcher: 'slurm', queue: expect.stringContaining('Slurm job') });
    await until('a runner of shard 2', () => runnerOf(folder, 2) !== null);
    process.kill(runnerOf(folder, 2) ?? 0, 'SIGKILL');
    const done = await at.until(folder, ({ state }) => state === 'succeeded' || state === 'lost' || state === 'failed');
    expect(done).toMatchObject({ state: 'succeeded', failure: null });
    // Slurm learns of the last step's end after the job has told its own.
    await until('the last step', () => !Object.values(tasks(folder)).some((state) => /RUNNING|COMPLETING/.test(state)));
    expect(tasks(folder)).toEqual({ 1: 'COMPLETED', 2: 'FAILED', 3: 'COMPLETED', 4: 'COMPLETED', 'N/A': 'COMPLETED' });
    expect(Buffer.compare(output(folder), Buffer.from(at.rig.expected))).toBe(0);
    expect(existsSync('x')).toBe(false);
  });

  it('a shard whose node fails is put back into the queue and goes on; the others run once', async () => {
    const { folder } = await at.submit('node failure', [...GPU, ...settings({ shards: 2, atOnce: 1, cpus: 1 })]);
    const { array } = launchOf(folder);
    await until('a runner of shard 2', () => tasks(folder)[1] === 'COMPLETED' && runnerOf(folder, 2) !== null);
    const node = (state: string) =>
      cluster.slurm('scontrol', 'update', `NodeName=${hostname()}`, `State=${state}`, 'Reason=x');
    expect(node('DOWN').status).toBe(0);
    await until('the task in the queue', () => tasks(folder)[2] === 'PENDING');
    expect(await at.status(folder)).toMatchObject({ queue: expect.stringMatching(/1 waiting/) });
    // Refused when the node has come back by itself.
    node('RESUME');
    // Slurm lets a task it puts back wait for two minutes.
    await until('its turn', () => {
      cluster.slurm('scontrol', 'update', `JobId=${array}_2`, 'StartTime=now');
      return runnerOf(folder, 2, 2) !== null;
    });
    const attempts = [1, 2].map((shard) => [1, 2].filter((attempt) => attemptOf(folder, shard, attempt)).length);
    expect(attempts).toEqual([1, 2]);
    await at.until(folder, ({ state }) => state === 'succeeded');
    expect(Buffer.compare(output(folder), Buffer.from(at.rig.expected))).toBe(0);
  });

  it('is cancelled, and resumed with the missing shards only', async () => {
    const { folder } = await at.submit('cancelled', [...GPU, ...settings({ shards: 3, atOnce: 1 })]);
    await until('the first shard', () => tasks(folder)[1] === 'COMPLETED');
    const began = performance.now();
    expect(await at.ask(['job', 'cancel', folder])).toMatchObject({ code: 0, answer: { state: 'cancelled' } });
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(Object.values(tasks(folder)).filter((state) => /PENDING|RUNNING/.test(state))).toEqual([]);
    expect((await at.ask(['job', 'resume', folder])).code).toBe(0);
    const again = tasks(folder);
    expect(again).toHaveProperty('3');
    expect(again).not.toHaveProperty('1');
    await at.until(folder, ({ state }) => state === 'succeeded');
    expect(Buffer.compare(output(folder), Buffer.from(at.rig.expected))).toBe(0);
  });

  it('whose scancel fails is cancelled by its tasks, which find the request in the folder', async () => {
    const { folder } = await at.submit('no scancel', [...GPU, '--shards', '2']);
    const path = stub('scancel', 'echo "scancel: error: Access/permission denied" >&2; exit 1');
    const { code, answer } = await at.ask(['job', 'cancel', folder], { PATH: path });
    expect(code).toBe(1);
    expect(answer).toMatchObject({
      error: { code: 'LAUNCH_FAILED', message: expect.stringMatching(/^scancel: Access/) },
    });
    await at.until(folder, ({ state }) => state === 'cancelled');
    await until('the tasks to end', () => !/PENDING|RUNNING|COMPLETING/.test(Object.values(tasks(folder)).join(' ')));
    expect((await at.status(folder)).state).toBe('cancelled');
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });

  it('with the controller down cannot be asked about, and is not lost; nothing is submitted meanwhile', async () => {
    const { folder } = await at.submit('controller', [
      ...GPU,
      '--shards',
      '2',
      ...settings({ prologue: ['sleep 4'], timeoutSeconds: 2 }),
    ]);
    await cluster.stopController();
    try {
      const meanwhile = await at.status(folder);
      expect(['queued', 'running']).toContain(meanwhile.state);
      expect(meanwhile.queue).toMatch(/^Slurm cannot be asked: squeue: /);
      await expect(at.submit('not now', [...GPU, ...settings({ timeoutSeconds: 2 })])).rejects.toThrow(
        /LAUNCH_FAILED.*sbatch: /,
      );
      expect(existsSync(join(at.rig.folder, 'not now'))).toBe(false);
    } finally {
      await cluster.startController();
    }
    await at.until(folder, ({ state }) => state === 'succeeded');
    expect(Buffer.compare(output(folder), Buffer.from(at.rig.expected))).toBe(0);
  });

  it('goes through ssh to a login node (a stub that runs what it is given)', async () => {
    const record = join(at.rig.folder, 'ssh.txt');
    const path = stub('ssh', `printf '%s\\n' "$*" >>'${record}'; exec bash -c "\${@: -1}"`);
    const flags = [...GPU, '--shards', '1', '--slurm-ssh', 'me@login.example'];
    const { folder } = await at.submit("over s's\n", flags, { PATH: path });
    let state = '';
    while (state !== 'succeeded' && state !== 'lost') state = (await at.status(folder, { PATH: path })).state;
    expect(state).toBe('succeeded');
    expect(Buffer.compare(output(folder), Buffer.from(at.rig.expected))).toBe(0);
    const asked = readFileSync(record, 'utf8').split('\n');
    expect(asked[0]).toMatch(/^-o BatchMode=yes -o ConnectTimeout=15 -- me@login\.example sbatch --test-only /);
    expect(asked.join('\n')).not.toContain(at.rig.folder);
  });

  it.each([
    ['rejecting', ['--slurm-partition', 'none'], undefined, /sbatch: .*invalid partition/i],
    [
      'hanging',
      ['--slurm-settings', 'SETTINGS'],
      () => stub('sbatch', 'exec sleep 30'),
      /sbatch: no answer within 1 s/,
    ],
    ['missing', [], () => join(at.rig.folder, 'empty'), /sbatch: no such program on this machine/],
    ['failing without a word', [], () => stub('sbatch', 'exit 3'), /sbatch: ended with 3/],
    [
      'of an unreachable login node',
      ['--slurm-ssh', 'x'],
      () => stub('ssh', 'echo refused >&2; exit 255'),
      /sbatch on x: ssh fails: refused/,
    ],
  ])('sbatch %s is told before a folder is made', async (name, flags, path, message) => {
    const own = flags.flatMap((flag) => (flag === 'SETTINGS' ? settings({ timeoutSeconds: 1 }).slice(1) : [flag]));
    const env = path === undefined ? {} : { PATH: path() };
    await expect(at.submit(name, own, env)).rejects.toThrow(message);
    expect(existsSync(join(at.rig.folder, name))).toBe(false);
  });

  it('submitted in vain after its folder was made is submitted by a resume', async () => {
    const queued = (): string => cluster.slurm('squeue', '--noheader', '--format=%j').stdout;
    const before = queued();
    const fail =
      'case "$*" in *--test-only*) exit 0;; *--array*) exec /usr/bin/sbatch "$@";; *) echo busy >&2; exit 1;; esac';
    await expect(at.submit('half', GPU, { PATH: stub('sbatch', fail) })).rejects.toThrow(/sbatch: busy; .*job resume/);
    const folder = join(at.rig.folder, 'half');
    expect(await at.status(folder)).toMatchObject({ state: 'queued' });
    // The array of the failed attempt has been taken back.
    await until('no array', () => queued() === before);
    expect((await at.ask(['job', 'resume', folder])).code).toBe(0);
    await at.until(folder, ({ state }) => state === 'succeeded');
  });
});

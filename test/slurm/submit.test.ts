// Jobs handed to a real Slurm, here and on a login node: refused in words before a folder is made, submitted in vain and again.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIfStale } from '../../scripts/buildIfStale.ts';
import { unitsIn } from '../faults/journal.ts';
import { ended, start, wish } from '../faults/rig.ts';
import { FOR_EVER_MS } from '../faults/slowDisk.ts';
import { startCluster } from './cluster.ts';
import { startLoginNode } from './loginNode.ts';
import {
  lastRunnerOf,
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

const cluster = await startCluster({ accounting: true });
const node = typeof cluster === 'string' ? cluster : await startLoginNode(cluster);
if (typeof node === 'string') console.log(`skipped: ${node}`);
if (typeof cluster !== 'string' && cluster.withoutAccounting !== null)
  console.log(`skipped: ${cluster.withoutAccounting}`);

const GPU = ['--slurm-gres', 'gpu:1', '--slurm-partition', 'test'];

describe.skipIf(typeof cluster === 'string')('submitting to Slurm', { timeout: TEST_MS }, () => {
  if (typeof cluster === 'string') return;
  let at: SlurmRig;
  beforeAll(async () => {
    buildIfStale(['kernels', 'host']);
    at = await slurmRig(cluster);
  }, TEST_MS);
  afterAll(async () => {
    if (typeof node !== 'string') await node[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
    at?.rig.dispose();
  }, TEST_MS);

  const settings = (value: object): string[] => ['--slurm-settings', settingsFile(JSON.stringify(value))];

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
  ])('sbatch %s is told before a folder is made', async (name, flags, path, message) => {
    const own = flags.flatMap((flag) => (flag === 'SETTINGS' ? settings({ timeoutSeconds: 1 }).slice(1) : [flag]));
    const env = path === undefined ? {} : { PATH: path() };
    await expect(at.submit(name, own, env)).rejects.toThrow(message);
    expect(existsSync(join(at.rig.folder, name))).toBe(false);
  });

  const queued = (): string[] => cluster.slurm('squeue', '--noheader', '--format=%j').stdout.trim().split('\n');
  const finished = async (folder: string, env?: NodeJS.ProcessEnv): Promise<void> => {
    await at.until(folder, ({ state }) => state === 'succeeded', env);
    expect(Buffer.compare(readFileSync(join(folder, 'out', 'model.gguf')), Buffer.from(at.rig.expected))).toBe(0);
  };

  it.each([
    ['that fails', 'echo busy >&2; exit 1', 60, /sbatch: busy; .*job resume.* submits the job again/],
    ['that hangs', 'exec sleep 60', 8, /sbatch: no answer within 8 s; .*job resume.* submits the job again/],
  ])(
    'in vain after the folder was made, by an sbatch %s: taken back, and submitted by a resume',
    async (name, end, timeoutSeconds, message) => {
      const before = queued();
      // The array is taken, the last step is not.
      const script = `case "$*" in *--test-only*) exit 0;; *--array*) exec /usr/bin/sbatch "$@";; *) ${end};; esac`;
      const env = { PATH: stub('sbatch', script) };
      const flags = [...GPU, ...settings({ timeoutSeconds })];
      await expect(at.submit(name, flags, env)).rejects.toThrow(message);
      const folder = join(at.rig.folder, name);
      await until('no array', () => queued().every((job) => job === '' || before.includes(job)));
      // Not a second time into the same folder, and again in vain, and then not.
      await expect(at.submit(name, flags)).rejects.toThrow(/OUTPUT_EXISTS.*is a job: .*job resume.* goes on with it/);
      expect(await at.ask(['job', 'resume', folder], env)).toMatchObject({
        code: 1,
        answer: { error: { code: 'LAUNCH_FAILED' } },
      });
      // Tasks may have begun meanwhile; nothing is expected of them any more.
      expect(await at.status(folder)).toMatchObject({
        state: expect.stringMatching(/queued|paused|lost/),
        queue: null,
      });
      expect((await at.ask(['job', 'resume', folder])).code).toBe(0);
      await finished(folder);
    },
  );

  it('killed between the array and the last step: a cancel takes back what was handed over, a resume begins anew', async () => {
    const before = queued();
    const script = `case "$*" in *--test-only*) exit 0;; *--array*) exec /usr/bin/sbatch "$@";; *) exec sleep 60;; esac`;
    const { container, speedUp } = slowContainer(1000);
    const folder = join(at.rig.folder, 'orphans');
    const flags = [...GPU, ...settings({ shards: 4, atOnce: 1, container })];
    const engine = start(at.rig, ['job', 'submit', ...wish(at.rig, folder), '--launcher', 'slurm', ...flags], {
      env: { SLURM_CONF: cluster.environment.SLURM_CONF, PATH: stub('sbatch', script) },
    });
    const end = ended(engine);
    await until('a task', () => unitsOfShard(folder, 1) > 0);
    engine.kill('SIGKILL');
    expect((await end).signal).toBe('SIGKILL');
    expect((await at.status(folder)).state).toBe('running');
    expect(await at.ask(['job', 'cancel', folder])).toMatchObject({ code: 0, answer: { state: 'cancelled' } });
    await until('no orphans', () => queued().every((job) => job === '' || before.includes(job)));
    speedUp();
    expect((await at.ask(['job', 'resume', folder])).code).toBe(0);
    await finished(folder);
  });

  it.skipIf(cluster.withoutAccounting !== null)('sacct tells how tasks ended that squeue has forgotten', async () => {
    const { container, speedUp } = slowContainer(FOR_EVER_MS, [2, 'last']);
    const { folder } = await at.submit('forgotten', [...GPU, ...settings({ shards: 2, container })]);
    await until('some units of shard 2', () => unitsOfShard(folder, 2) > 0);
    process.kill(runnerOf(folder, 2) ?? Number.NaN, 'SIGKILL');
    // It has taken over what shard 1 wrote, and begins with the rest.
    await until('some units of the last step', () => unitsIn(folder).length > 0);
    process.kill(lastRunnerOf(folder) ?? Number.NaN, 'SIGKILL');
    const killed = {
      state: 'lost',
      queue: expect.stringMatching(/^Slurm job \d+: shard 2 ended: FAILED, last step ended: FAILED$/),
    };
    expect(await at.until(folder, ({ queue }) => /last step ended/.test(queue ?? ''))).toMatchObject(killed);
    // An hour later, the controller has forgotten it all.
    const env = { PATH: stub('squeue', 'exit 0') };
    expect(await at.until(folder, ({ queue }) => /last step ended/.test(queue ?? ''), env)).toMatchObject(killed);
    speedUp();
    expect((await at.ask(['job', 'resume', folder])).code).toBe(0);
    await finished(folder);
  });

  describe.skipIf(typeof node === 'string')('through ssh to a login node', () => {
    if (typeof node === 'string') return;
    // What is Slurm's here is not to be found but there.
    const env = { PATH: node.path, SLURM_CONF: '/nowhere' };

    it('is submitted, looked at, cancelled, resumed and finished', async () => {
      const { container, speedUp } = slowContainer(1000, [1]);
      const flags = [...GPU, '--slurm-ssh', 'login', ...settings({ shards: 2, container })];
      const { folder, status } = await at.submit("over s's\n$(touch x)", flags, env);
      expect(status).toMatchObject({ launcher: 'slurm', queue: expect.stringMatching(/^Slurm job \d+: /) });
      await until('some units', () => unitsOfShard(folder, 1) > 0);
      expect(await at.status(folder, env)).toMatchObject({ state: 'running' });
      expect(await at.ask(['job', 'cancel', folder], env)).toMatchObject({ code: 0, answer: { state: 'cancelled' } });
      speedUp();
      expect((await at.ask(['job', 'resume', folder], env)).code).toBe(0);
      await until('the end', () => existsSync(join(folder, 'out')));
      await finished(folder, env);
      const calls = node.calls();
      expect(calls[0]).toMatch(/^-o BatchMode=yes -o ConnectTimeout=15 -- login sbatch --test-only /);
      expect(calls.join('\n')).not.toContain(at.rig.folder);
      for (const program of ['sbatch', 'squeue', 'scancel'])
        expect(calls.some((call) => call.includes(`-- login ${program} `))).toBe(true);
      expect(node.log()).toContain('Accepted publickey for root');
    });

    it.each([
      ['off', /sbatch on off: ssh fails: .*Connection refused/],
      ['stranger', /sbatch on stranger: ssh fails: Host key verification failed/],
      ['locked', /sbatch on locked: ssh fails: .*Permission denied \(publickey\)/],
      ['bare', /sbatch on bare: no such program there: .*sbatch/],
      ['silent', /sbatch on silent: no answer within 5 s/],
      ['no-such-host.invalid', /sbatch on no-such-host.invalid: ssh fails: /],
    ])('to "%s" fails in words before a folder is made', async (host, message) => {
      const flags = [...GPU, '--slurm-ssh', host, ...settings({ timeoutSeconds: host === 'silent' ? 5 : 60 })];
      await expect(at.submit(host, flags, env)).rejects.toThrow(message);
      expect(existsSync(join(at.rig.folder, host))).toBe(false);
    });
  });
});

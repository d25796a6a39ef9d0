// Jobs handed to a real Slurm, here and on a login node: refused in words before a folder is made, submitted in vain and again.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIfStale } from '../../scripts/buildIfStale.ts';
import { startCluster } from './cluster.ts';
import { type SlurmRig, settingsFile, slurmRig, stub, TEST_MS, until } from './slurmRig.ts';

const cluster = await startCluster();
if (typeof cluster === 'string') console.log(`skipped: ${cluster}`);

const GPU = ['--slurm-gres', 'gpu:1', '--slurm-partition', 'test'];

describe.skipIf(typeof cluster === 'string')('submitting to Slurm', { timeout: TEST_MS }, () => {
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

  it('submitted in vain after its folder was made is submitted by a resume', async () => {
    const queued = (): string[] => cluster.slurm('squeue', '--noheader', '--format=%j').stdout.trim().split('\n');
    const before = queued();
    const fail =
      'case "$*" in *--test-only*) exit 0;; *--array*) exec /usr/bin/sbatch "$@";; *) echo busy >&2; exit 1;; esac';
    await expect(at.submit('half', GPU, { PATH: stub('sbatch', fail) })).rejects.toThrow(/sbatch: busy; .*job resume/);
    const folder = join(at.rig.folder, 'half');
    expect(await at.status(folder)).toMatchObject({ state: 'queued' });
    // The array of the failed attempt has been taken back.
    await until('no array', () => queued().every((name) => name === '' || before.includes(name)));
    expect((await at.ask(['job', 'resume', folder])).code).toBe(0);
    await at.until(folder, ({ state }) => state === 'succeeded');
  });
});

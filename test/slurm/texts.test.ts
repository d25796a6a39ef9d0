// What goes to Slurm and what comes back: quoting that bash undoes, settings that cannot inject, answers as they are read.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSlurmOptions } from '../../core/engine/commands/slurmOptions.ts';
import { jobPaths } from '../../core/jobs/jobFolder.ts';
import { readAccounting, readQueue, summarize } from '../../core/jobs/launchers/slurm/queue.ts';
import { quoted } from '../../core/jobs/launchers/slurm/quote.ts';
import { shardScript } from '../../core/jobs/launchers/slurm/script.ts';
import { slurmLauncher } from '../../core/jobs/launchers/slurm.ts';
import type { Launch } from '../../core/protocol/jobs.ts';
import { zSlurmSettings } from '../../core/protocol/slurm.ts';
import { dice } from '../fuzz/dice.ts';
import { settingsFile, stub } from './slurmRig.ts';

const HOSTILE = [
  '',
  ' ',
  "'",
  '"',
  '\\',
  '$(id)',
  '`id`',
  '$HOME',
  '~',
  '*',
  '!x',
  '\n',
  '\r\n',
  '\t',
  'é€𝄞',
  '-n',
  '--',
  ';',
  '\u007f',
  "\\'\n",
  '\u0085x',
];
const bash = (script: string): string => execFileSync('bash', ['-c', script], { encoding: 'utf8' });

describe('quoting', () => {
  it('is undone by bash, argument by argument', () => {
    const { below } = dice(1);
    const mixed = Array.from({ length: 300 }, () =>
      Array.from({ length: 1 + below(8) }, () => HOSTILE[below(HOSTILE.length)]).join(''),
    );
    const all = [...HOSTILE, ...mixed];
    const script = `for argument in ${all.map(quoted).join(' ')}; do printf '%s\\0' "$argument"; done`;
    expect(bash(script).split('\0').slice(0, -1)).toEqual(all);
  });

  it('spells control characters out: no line of a script begins inside a name', () => {
    expect(quoted('a\n#SBATCH --partition=x\r\n')).not.toMatch(/\p{Cc}/u);
  });

  it('of a whole script runs the program with its arguments, in hostile folders', () => {
    const folder = mkdtempSync(join(tmpdir(), 'quantscope-script-'));
    const paths = jobPaths(join(folder, HOSTILE.slice(1).join('').replaceAll('/', '')));
    const node = {
      program: process.execPath,
      args: ['-e', 'console.log(JSON.stringify(process.argv))', '--', ...HOSTILE],
    };
    const settings = zSlurmSettings.parse({
      shards: 9,
      cpus: 3,
      container: ['env', "A='b'\n"],
      prologue: ['export B=c'],
    });
    execFileSync('bash', ['-s'], {
      input: shardScript(paths, settings, node),
      env: { ...process.env, SLURM_ARRAY_TASK_ID: '7', HOME: folder },
    });
    const [, ...args] = JSON.parse(readFileSync(join(paths.shards, '0007', 'runner.log'), 'utf8'));
    expect(args).toEqual([...HOSTILE, '--threads', '3', '--shard', '7/9']);
    rmSync(folder, { recursive: true });
  });
});

describe('settings', () => {
  it.each([
    ['partition', 'a\n#SBATCH'],
    ['partition', '--wrap=x'],
    ['partition', ''],
    ['account', 'a b'],
    ['account', '$(id)'],
    ['gres', 'gpu:1;id'],
    ['time', '1; id'],
    ['time', '-1'],
    ['memory', '1 G'],
    ['ssh', '-oProxyCommand=id'],
    ['ssh', 'a b'],
    ['modules', ['x; id']],
    ['modules', ['-x']],
    ['prologue', ['a | b']],
    ['prologue', ['a\nb']],
    ['prologue', ['echo `id`']],
    ['container', ['a\0']],
    ['shards', 0],
    ['shards', 1001],
    ['cpus', 1.5],
    ['partitions', 'x'],
  ])('%s: %j is refused', (name, value) => {
    expect(zSlurmSettings.safeParse({ [name]: value }).success).toBe(false);
  });

  it('as sites have them are taken', () => {
    const own = { partition: 'gpu-a100,gpu', account: 'p_123', time: '1-12:00:00', gres: 'gpu:a100:2', memory: '16G' };
    const more = {
      modules: ['CUDA/12.4.0', 'nodejs/24.1-GCCcore-13'],
      prologue: ['source /opt/site/env.sh'],
      ssh: 'me@login1.hpc',
    };
    expect(zSlurmSettings.parse({ ...own, ...more })).toMatchObject({ ...own, ...more, shards: 4, atOnce: null });
  });
});

describe('flags', () => {
  it('win over the file of a site', async () => {
    const path = settingsFile('{"shards": 8, "partition": "cpu", "modules": ["nodejs/24"]}');
    const flags = { 'slurm-settings': path, 'slurm-partition': 'gpu', 'slurm-cpus': '4' };
    const own = { shards: 8, partition: 'gpu', cpus: 4, modules: ['nodejs/24'] };
    expect(await readSlurmOptions(flags)).toEqual(zSlurmSettings.parse(own));
  });

  it.each([
    [{ 'slurm-partition': 'a b' }, '--slurm-partition: '],
    [{ shards: '0' }, '--shards'],
    [{ 'slurm-ssh': '-oProxyCommand=id' }, '--slurm-ssh: '],
    [{ 'slurm-settings': settingsFile('{"modules": ["a", "b;c"]}') }, '--slurm-settings, modules.1: '],
    [{ 'slurm-settings': settingsFile('{"partion": "a"}') }, 'partion'],
    [{ 'slurm-settings': settingsFile('[]') }, 'holds no JSON object'],
    [{ 'slurm-settings': settingsFile('{') }, 'is not JSON'],
  ])('%j are wrong usage, by name', async (flags, message) => {
    await expect(readSlurmOptions(flags)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    });
  });
});

describe('answers', () => {
  const queue = readQueue(
    '12|1|RUNNING|None\n12|2|COMPLETED|None\n12|3|PENDING|Resources\n13|N/A|PENDING|Dependency\nnoise\n',
  );

  it('of squeue', () => {
    expect(summarize(queue, '12', 4)).toEqual({
      state: 'waiting',
      message: 'Slurm job 12: 1 of 4 shards running, 1 waiting (Resources), 2 ended',
    });
    expect(summarize(readQueue('13|N/A|RUNNING|None'), '12', 4)).toEqual({
      state: 'running',
      message: 'Slurm job 12: 4 ended, finishing',
    });
    expect(summarize([], '', 0)).toEqual({ state: 'gone', message: 'Slurm: nothing in the queue' });
  });

  it('of sacct tell how tasks ended that the controller has forgotten', async () => {
    expect(readAccounting('12_3|OUT_OF_MEMORY\n13|CANCELLED by 0\n')).toMatchObject([
      { job: '12', index: 3, state: 'OUT_OF_MEMORY' },
      { job: '13', index: null, state: 'CANCELLED' },
    ]);
    const path = process.env.PATH;
    process.env.PATH = stub('squeue', 'exit 0');
    process.env.PATH = stub('sacct', "printf '12_1|COMPLETED\\n12_2|TIMEOUT\\n13|NODE_FAIL\\n'");
    try {
      expect(await slurmLauncher.look(launch({}))).toEqual({
        state: 'gone',
        message: 'Slurm job 12: shard 2 ended: TIMEOUT, last step ended: NODE_FAIL',
      });
    } finally {
      process.env.PATH = path;
    }
  });

  it.each([{ name: '--all' }, { name: 'x' }, { ssh: '-oProxyCommand=id' }, { array: '1; id' }])(
    'launch.json with %j asks nobody',
    (handle) => {
      expect(() => slurmLauncher.look(launch(handle))).toThrow(expect.objectContaining({ code: 'JOB_INVALID' }));
    },
  );
});

function launch(handle: Launch['handle']): Launch {
  const name = 'quantscope-00000000-0000-4000-8000-000000000000';
  return {
    launcher: 'slurm',
    at: '',
    after: 0,
    handle: { name, array: '12', shards: 2, ssh: '', timeoutSeconds: 9, ...handle },
  };
}

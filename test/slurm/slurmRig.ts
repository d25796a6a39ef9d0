// Jobs on the cluster under test: submitted and looked at as a shell does it.

import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JobStatus, zJobStatus } from '../../core/protocol/jobs.ts';
import { lastOf, unitsIn } from '../faults/journal.ts';
import { prepareRig, quantscope, type Rig, wish } from '../faults/rig.ts';
import { slowDisk } from '../faults/slowDisk.ts';
import { temporaryFolder } from '../fixtures/temporaryFolder.ts';
import type { Cluster } from './cluster.ts';

/** Of stubs and settings. */
const scratch = temporaryFolder();
/** What takes a second may take minutes on a machine that everybody uses. */
const PATIENCE_MS = 300_000;
/** A test of several waits. */
export const TEST_MS = 2 * PATIENCE_MS;

export interface SlurmRig {
  readonly rig: Rig;
  readonly cluster: Cluster;
  /** Runs the command line; `path` comes before the rest of PATH. */
  ask(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<{ code: number | null; answer: unknown }>;
  /** @returns the folder and Slurm's numbers of array and last step. @throws Error with what was printed */
  submit(name: string, flags?: readonly string[], env?: NodeJS.ProcessEnv): Promise<Submitted>;
  status(folder: string, env?: NodeJS.ProcessEnv): Promise<JobStatus>;
  /** Looks until it holds. @throws Error with the last status */
  until(folder: string, wanted: (status: JobStatus) => boolean, env?: NodeJS.ProcessEnv): Promise<JobStatus>;
}

export interface Submitted {
  readonly folder: string;
  readonly status: JobStatus;
}

/** Numbers Slurm gave to what was submitted last. */
export function launchOf(folder: string): { array: string; last: string; name: string } {
  return JSON.parse(readFileSync(join(folder, 'launch.json'), 'utf8')).handle;
}

export async function slurmRig(cluster: Cluster): Promise<SlurmRig> {
  const rig = await prepareRig();
  const ask: SlurmRig['ask'] = async (args, env = {}) => {
    const { code, stdout, stderr } = await quantscope(rig, [...args, '--json'], {
      env: { SLURM_CONF: cluster.environment.SLURM_CONF, ...env },
    });
    if (stdout === '') throw new Error(`${args.slice(0, 2).join(' ')}: ${stderr}`);
    return { code, answer: JSON.parse(stdout) };
  };
  const status = async (folder: string, env?: NodeJS.ProcessEnv): Promise<JobStatus> =>
    zJobStatus.parse((await ask(['job', 'status', folder], env)).answer);
  return {
    rig,
    cluster,
    ask,
    status,
    async submit(name, flags = [], env) {
      const folder = join(rig.folder, name);
      const args = ['job', 'submit', ...wish(rig, folder), '--launcher', 'slurm', '--threads', '1', ...flags];
      const { code, answer } = await ask(args, env);
      if (code !== 0) throw new Error(JSON.stringify(answer));
      return { folder, status: zJobStatus.parse(answer) };
    },
    async until(folder, wanted, env) {
      for (const began = performance.now(); ; await sleep(100)) {
        const now = await status(folder, env);
        if (wanted(now)) return now;
        if (performance.now() - began > PATIENCE_MS) throw new Error(`still ${JSON.stringify(now)}`);
      }
    },
  };
}

/** Looks until it holds. @throws Error after a while */
export async function until(
  what: string,
  wanted: () => boolean,
  { meanwhile = () => {}, everyMs = 20 } = {},
): Promise<void> {
  for (const began = performance.now(); !wanted(); await sleep(everyMs)) {
    if (performance.now() - began > PATIENCE_MS) throw new Error(`waited for ${what}`);
    meanwhile();
  }
}

/** Process of a shard's runner, or null before it has announced itself and after it has ended in order. */
export function runnerOf(folder: string, shard: number, attempt = 1): number | null {
  return pidIn(runnerFile(folder, shard, attempt, 'json'));
}

/** Records of units in a shard's journal. */
export function unitsOfShard(folder: string, shard: number): number {
  return unitsIn(shardFolder(folder, shard)).length;
}

/** Process of the job's own runner. */
export function lastRunnerOf(folder: string): number | null {
  return pidIn(join(folder, 'runners', '000001.json'));
}

export function isWritten(folder: string, shard: number): boolean {
  return lastOf(shardFolder(folder, shard))?.type === 'written';
}

/** It may be gone, or have another name, between one look and the next. */
function pidIn(path: string): number | null {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid;
  } catch {
    return null;
  }
}

/** Whether a shard has had that attempt, ended or not. */
export function attemptOf(folder: string, shard: number, attempt: number): boolean {
  return (['json', 'ended'] as const).some((ending) => existsSync(runnerFile(folder, shard, attempt, ending)));
}

function runnerFile(folder: string, shard: number, attempt: number, ending: 'json' | 'ended'): string {
  return join(shardFolder(folder, shard), 'runners', `${String(attempt).padStart(6, '0')}.${ending}`);
}

function shardFolder(folder: string, shard: number): string {
  return join(folder, 'shards', String(shard).padStart(4, '0'));
}

/** A disk that is slow for these shards, or for all: what to put before their runners. */
export function slowContainer(
  ms: number,
  shards: readonly (number | 'last')[] = [],
): { container: string[]; speedUp: () => void } {
  const { nodeOptions, speedUp } = slowDisk(scratch, ms, { shards });
  return { container: ['env', `NODE_OPTIONS=${nodeOptions}`], speedUp };
}

/** A stub in the place of a real program. @returns PATH with it in front */
export function stub(program: string, script: string): string {
  const folder = mkdtempSync(join(scratch, 'stub-'));
  const path = join(folder, program);
  writeFileSync(path, `#!/bin/bash\n${script}\n`);
  chmodSync(path, 0o755);
  return `${folder}:${process.env.PATH}`;
}

/** @returns path of a file for `--slurm-settings` */
export function settingsFile(text: string): string {
  const path = join(mkdtempSync(join(scratch, 'settings-')), 'site.json');
  writeFileSync(path, text);
  return path;
}

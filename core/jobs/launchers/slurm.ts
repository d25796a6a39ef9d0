// Slurm: shards as tasks of one array, and a last step, begun when all have ended, that finishes the job.

import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import * as z from 'zod';
import { isQuantscopeError, QuantscopeError } from '../../base/errors.ts';
import type { Launch } from '../../protocol/jobs.ts';
import { type SlurmSettings, zSlurmSettings } from '../../protocol/slurm.ts';
import { type JobPaths, readJob } from '../jobFolder.ts';
import { missingShards } from '../shards.ts';
import type { Launcher, LaunchLook } from './launcher.ts';
import { askSlurm, type Where } from './slurm/ask.ts';
import { readAccounting, readQueue, SACCT_FORMAT, SQUEUE_FORMAT, summarize } from './slurm/queue.ts';
import { finishScript, shardScript } from './slurm/script.ts';

/** Views look every second; a controller that serves thousands is asked less often. */
const ANSWER_LASTS_MS = 3000;
/** Nothing comes of it any more, unless an administrator puts it back. */
const END_LASTS_MS = 60_000;
/** Somebody is looking: rather say that Slurm does not answer. */
const MAX_LOOK_SECONDS = 10;

const zHandle = z.object({
  /** Of the array and the last step: no other job has it. */
  name: z.string().regex(/^quantscope-[0-9a-f-]{36}$/),
  /** Empty when every shard had been written. */
  array: z.string().regex(/^\d*$/),
  shards: z.int().nonnegative(),
  /** Empty for this machine. */
  ssh: z.union([z.literal(''), zSlurmSettings.shape.ssh.unwrap().unwrap()]),
  timeoutSeconds: z.number().min(1).max(600),
});
type Handle = z.infer<typeof zHandle>;

const looks = new Map<string, { until: number; readonly look: Promise<LaunchLook> }>();

export const slurmLauncher: Launcher = {
  name: 'slurm',

  async check(wish) {
    const settings = zSlurmSettings.parse(wish ?? {});
    const where = settings.ssh === null ? 'Slurm' : `Slurm on ${settings.ssh}`;
    try {
      const options = [...resources(settings), `--array=1-${settings.shards}`];
      await askSlurm(settings, 'sbatch', ['--test-only', ...options], '#!/bin/bash\n');
      return { name: 'Launcher', ok: true, message: `${where} takes ${settings.shards} shards`, code: null };
    } catch (error) {
      if (!isQuantscopeError(error)) throw error;
      // Settings that are wrong, or a controller that is down: Slurm's programs end alike for both.
      const message = `${error.message}; no job was made, submit it again once that is put right or has passed`;
      return { name: 'Launcher', ok: false, message, code: error.code };
    }
  },

  async launch(paths, command, announce) {
    const settings = await settingsOf(paths);
    const { ssh, timeoutSeconds } = settings;
    const missing = await missingShards(paths, settings.shards);
    const name = `quantscope-${randomUUID()}`;
    const handle = { name, array: '', last: '', shards: missing.length, ssh: ssh ?? '', timeoutSeconds };
    await announce(handle);
    try {
      const array =
        missing.length === 0
          ? ''
          : await submit(
              settings,
              name,
              [`--array=${arrayOf(missing, settings)}`],
              shardScript(paths, settings, command),
            );
      // Whatever became of a shard, the last step does what is missing and says how the job ended.
      const dependency = array === '' ? [] : [`--dependency=afterany:${array}`];
      const last = await submit(settings, name, dependency, finishScript(paths, settings, command));
      return { ...handle, array, last };
    } catch (error) {
      if (!isQuantscopeError(error)) throw error;
      const fact = `${error.message}; "job resume" submits the job again`;
      throw new QuantscopeError(error.code, `${basename(paths.folder)}: ${fact}`, { cause: error });
    }
  },

  look(launch) {
    const handle = handleOf(launch);
    const known = looks.get(handle.name);
    if (known !== undefined && performance.now() < known.until) return known.look;
    const look = lookAt(handle);
    // Until it is answered, whoever asks waits for the same answer.
    const entry = { until: Number.POSITIVE_INFINITY, look };
    looks.set(handle.name, entry);
    const told = (lastsMs: number): void => {
      entry.until = performance.now() + lastsMs;
    };
    look.then(
      ({ state }) => told(state === 'gone' ? END_LASTS_MS : ANSWER_LASTS_MS),
      () => told(0),
    );
    return look;
  },

  async withdraw(launch) {
    const handle = handleOf(launch);
    looks.delete(handle.name);
    await cancelAll(whereOf(handle), handle.name).catch((error: unknown) => {
      if (!isQuantscopeError(error)) throw error;
      const fact = `${error.message}; tasks find the request in the job's folder and stop by themselves`;
      throw new QuantscopeError(error.code, fact, { cause: error });
    });
    return true;
  },
};

/** @throws JOB_INVALID when the job was made for another launcher */
async function settingsOf(paths: JobPaths): Promise<SlurmSettings> {
  const { job } = await readJob(paths);
  if (job.slurm === undefined)
    throw new QuantscopeError('JOB_INVALID', `${basename(paths.folder)}/job.json: no settings for Slurm`);
  return job.slurm;
}

/** @returns the number Slurm gave it. @throws LAUNCH_FAILED */
async function submit(settings: SlurmSettings, name: string, more: readonly string[], script: string): Promise<string> {
  const own = ['--parsable', `--job-name=${name}`, '--requeue', '--output=/dev/null', '--chdir=/'];
  const answer = await askSlurm(settings, 'sbatch', [...own, ...resources(settings), ...more], script);
  // sbatch(1): with --parsable, "number" or "number;cluster".
  const [, number] = /^(\d+)(;.*)?$/m.exec(answer) ?? [];
  if (number === undefined)
    throw new QuantscopeError('LAUNCH_FAILED', `sbatch: no job number in its answer "${answer.slice(0, 200)}"`);
  return number;
}

function resources(settings: SlurmSettings): string[] {
  const { partition, account, qos, constraint, time, gres, memory, cpus } = settings;
  const options = { partition, account, qos, constraint, time, gres, mem: memory, 'cpus-per-task': cpus };
  return [
    '--ntasks=1',
    ...Object.entries(options).flatMap(([name, value]) => (value === null ? [] : [`--${name}=${value}`])),
  ];
}

function arrayOf(missing: readonly number[], { atOnce }: SlurmSettings): string {
  return `${missing.join(',')}${atOnce === null ? '' : `%${atOnce}`}`;
}

async function lookAt(handle: Handle): Promise<LaunchLook> {
  const where = { ...whereOf(handle), timeoutSeconds: Math.min(handle.timeoutSeconds, MAX_LOOK_SECONDS) };
  const filter = [`--name=${handle.name}`, '--noheader'];
  try {
    const queue = await askSlurm(where, 'squeue', [...filter, '--array', '--states=all', `--format=${SQUEUE_FORMAT}`]);
    const tasks = readQueue(queue);
    if (tasks.length > 0) return summarize(tasks, handle.array, handle.shards);
    // The controller forgets after minutes; accounting, where a site keeps it, remembers how tasks ended.
    const ids = ['--allocations', '--parsable2', '--starttime=now-30days', `--format=${SACCT_FORMAT}`];
    const ended = await askSlurm(where, 'sacct', [...filter, ...ids]).catch(() => '');
    return { ...summarize(readAccounting(ended), handle.array, handle.shards), state: 'gone' };
  } catch (error) {
    if (!isQuantscopeError(error)) throw error;
    return { state: 'unknown', message: `Slurm cannot be asked: ${error.message}` };
  }
}

async function cancelAll(where: Where, name: string): Promise<void> {
  await askSlurm(where, 'scancel', [`--name=${name}`]);
}

function whereOf({ ssh, timeoutSeconds }: Handle): Where {
  return { ssh: ssh === '' ? null : ssh, timeoutSeconds };
}

/** @throws JOB_INVALID: the file lies where others may write */
function handleOf({ handle }: Launch): Handle {
  const parsed = zHandle.safeParse(handle);
  if (parsed.success) return parsed.data;
  throw new QuantscopeError('JOB_INVALID', `launch.json: ${z.prettifyError(parsed.error)}`, { cause: parsed.error });
}

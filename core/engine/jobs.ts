// Jobs as the editor and the command line use them: make, run, look, stop, go on.

import { availableParallelism } from 'node:os';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCheckpoint } from '../checkpoint/open.ts';
import { readEnd } from '../io/smallFile.ts';
import { cancelJob, launchJob, resumeJob } from '../jobs/controlJob.ts';
import { createJob, preflightJob } from '../jobs/createJob.ts';
import { BeatWatch, type Progress } from '../jobs/heartbeat.ts';
import { jobPaths, readJob } from '../jobs/jobFolder.ts';
import type { JobInputs } from '../jobs/jobInputs.ts';
import { JobView } from '../jobs/jobStatus.ts';
import { JournalReader } from '../jobs/journalReader.ts';
import { knownJobs, rememberJob } from '../jobs/knownJobs.ts';
import type { RunnerCommand } from '../jobs/launchers/launcher.ts';
import { type JobRun, runJob, runShard } from '../jobs/runJob.ts';
import { type Shard, shardPaths, shardsOf } from '../jobs/shards.ts';
import type { ShardResult } from '../jobs/writeShard.ts';
import type { JobLog, JobStatus, JobWish, Versions } from '../protocol/jobs.ts';
import type { Check, ExportResult } from '../protocol/objects.ts';
import { importanceOfFile } from './importanceFile.ts';
import { progressReporter } from './progress.ts';
import { Session } from './session.ts';
import { engineVersion } from './version.ts';

/** Of what a runner printed: enough for a crash report of the runtime. */
const PRINTED_BYTES = 16 * 1024;
/** There may be a thousand. */
const PRINTED_BYTES_OF_SHARD = 1024;

/** Every check a job must pass before its folder is made. */
export async function preflightWish(
  session: Session,
  wish: JobWish,
  signal: AbortSignal,
): Promise<{ checks: Check[]; ok: boolean; bytes: number }> {
  const { checks, ok, bytes } = await preflightJob(await newJob(session, wish, signal));
  return {
    checks: checks.map(({ name, ok, message, code }) => ({ name, ok, message, code: ok ? null : code })),
    ok,
    bytes,
  };
}

/** Makes the job's folder; nothing runs yet. @returns the folder. @throws the first failing check */
export async function makeJob(session: Session, wish: JobWish, signal: AbortSignal): Promise<string> {
  const { paths } = await createJob(await newJob(session, wish, signal), versions(), runnerCommand);
  await rememberJob(paths.folder).catch(() => undefined); // a list that lacks it is no reason not to run it
  return paths.folder;
}

/** Makes the job and has its launcher start it; it outlives this process. */
export async function startJob(session: Session, wish: JobWish, signal: AbortSignal): Promise<JobStatus> {
  const view = new JobView(await makeJob(session, wish, signal));
  await launchJob(view, runnerCommand(view.paths.folder));
  return view.status();
}

/** Runs a job, or what is left of it, in this process. @throws what `runJob` throws */
export function runJobHere(session: Session, folder: string, signal: AbortSignal): Promise<ExportResult> {
  return withRun(session, folder, signal, (run) => runJob(folder, run));
}

/** Writes one shard of a job, or what is left of it, in this process. @throws what `runShard` throws */
export function runShardHere(
  session: Session,
  folder: string,
  shard: Shard,
  signal: AbortSignal,
): Promise<ShardResult> {
  return withRun(session, folder, signal, (run) => runShard(folder, shard, run));
}

async function withRun<T>(
  session: Session,
  folder: string,
  signal: AbortSignal,
  work: (run: JobRun) => Promise<T>,
): Promise<T> {
  const { job } = await readJob(jobPaths(folder));
  const report = progressReporter(null, 'export', (event) => session.emit('progress', event));
  const onProgress = ({ phase, doneBytes, totalBytes, message }: Progress): void =>
    report(doneBytes, totalBytes, `${phase} ${message}`);
  await using own = new Session(session.emit, { threads: session.options.threads ?? job.threads ?? undefined });
  return await work({ pool: own.pool, versions: versions(), signal, onProgress });
}

/** Looks at jobs, again and again: each look reads what is new only. */
export class JobWatch {
  readonly #beats: BeatWatch;
  readonly #views = new Map<string, JobView>();

  /** @param wait take the time to be sure of runners on other machines; without, later looks know better */
  constructor(options: { wait: boolean }) {
    this.#beats = new BeatWatch(options);
  }

  /** @throws FILE_NOT_FOUND, JOB_INVALID */
  status(folder: string): Promise<JobStatus> {
    const { folder: key } = jobPaths(folder);
    const view = this.#views.get(key) ?? new JobView(key, this.#beats);
    this.#views.set(key, view);
    return view.status();
  }

  /** Every job this user has made and that is still there, newest first; one that cannot be read is left out. */
  async list(): Promise<JobStatus[]> {
    const found = await Promise.all((await knownJobs()).map((folder) => this.status(folder).catch(() => null)));
    return found.filter((status) => status !== null).sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  }
}

/** @throws JOB_STATE when it has ended already */
export function stopJob(folder: string): Promise<JobStatus> {
  return cancelJob(new JobView(folder));
}

/** @throws JOB_RUNNING, JOB_STATE, LAUNCH_FAILED */
export async function continueJob(folder: string): Promise<JobStatus> {
  const view = new JobView(folder);
  await resumeJob(view, runnerCommand(view.paths.folder));
  return view.status();
}

/**
 * @param from  number of the first record wanted; `next` of the last answer gives what is new since
 * @param shard whose journal; without, the job's own, and besides its output what the shards' processes printed
 */
export async function jobLog(folder: string, from = 0, shard: Shard | null = null): Promise<JobLog> {
  const job = jobPaths(folder);
  await readJob(job);
  const paths = shard === null ? job : shardPaths(job, shard);
  const { records } = await new JournalReader(paths.journal).advance();
  let printed = await readEnd(paths.log, PRINTED_BYTES);
  for (const { log } of shard === null ? await shardsOf(job) : []) {
    const text = await readEnd(log, PRINTED_BYTES_OF_SHARD);
    if (text !== '') printed += `shard ${Number(basename(dirname(log)))}:\n${text}`;
  }
  return { records: records.slice(from), next: records.length, printed };
}

/** This very engine, as a process of its own. */
export function runnerCommand(folder: string): RunnerCommand {
  const entry = new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './engine.js', import.meta.url);
  return { program: process.execPath, args: [fileURLToPath(entry), 'job', 'run', folder] };
}

function versions(): Versions {
  const { platform, arch, version } = process;
  return { quantscope: engineVersion(), node: version, platform: `${platform}-${arch}` };
}

async function newJob(session: Session, { model, ...wish }: JobWish, signal: AbortSignal) {
  const checkpoint = await openCheckpoint(model, { signal });
  const inputs: JobInputs =
    wish.importance === null
      ? { checkpoint }
      : { checkpoint, importance: await importanceOfFile(session, { checkpoint }, wish.importance, signal) };
  return { ...wish, inputs, workers: wish.threads ?? session.options.threads ?? availableParallelism() };
}

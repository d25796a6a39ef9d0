// Jobs as the editor and the command line use them: make, run, look, stop, go on.

import { availableParallelism } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openCheckpoint } from '../checkpoint/open.ts';
import { plannedTypesByIndex } from '../export/plannedTypes.ts';
import { pathExists } from '../io/folder.ts';
import { readEnd, readSmallFile, removeFile } from '../io/smallFile.ts';
import { cancelJob, launchJob, resumeJob } from '../jobs/controlJob.ts';
import { createJob, type NewJob, preflightJob } from '../jobs/createJob.ts';
import { BeatWatch, type Progress } from '../jobs/heartbeat.ts';
import { isJobFolder, jobPaths, readJob } from '../jobs/jobFolder.ts';
import type { JobInputs } from '../jobs/jobInputs.ts';
import { JobView } from '../jobs/jobStatus.ts';
import { JournalReader } from '../jobs/journalReader.ts';
import { forgetJob, knownJobs, rememberJob } from '../jobs/knownJobs.ts';
import type { RunnerCommand } from '../jobs/launchers/launcher.ts';
import { type JobRun, runJob, runShard } from '../jobs/runJob.ts';
import { type Shard, shardPaths, shardsOf } from '../jobs/shards.ts';
import { takeTurn } from '../jobs/turns.ts';
import type { ShardResult } from '../jobs/writeShard.ts';
import type { JobLog, JobStatus, JobWish, LauncherName, Versions } from '../protocol/jobs.ts';
import type { Check, ExportResult } from '../protocol/objects.ts';
import { GptqRounding } from '../rounding/gptqRounding.ts';
import { exportImatrix } from './calibrating.ts';
import { importanceInUse } from './calibratingState.ts';
import { importanceOfFile } from './importanceFile.ts';
import { progressReporter, type ReportProgress } from './progress.ts';
import { calibratedSettings } from './rounding.ts';
import { Session } from './session.ts';
import { engineVersion } from './version.ts';

/** Of what a runner printed: enough for a crash report of the runtime. */
const PRINTED_BYTES = 16 * 1024;
/** There may be a thousand. */
const PRINTED_BYTES_OF_SHARD = 1024;

/** Every check a job must pass before its folder is made. Nothing is written. */
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
  const matrix = await keepCalibration(session, wish, signal);
  try {
    const wanted = await newJob(session, matrix === null ? wish : { ...wish, importance: matrix }, signal);
    // Before it is there: then no moment at which this process may be killed leaves a job that is in no list.
    await rememberJob(wish.folder).catch(() => undefined); // a list that lacks it is no reason not to run it
    const { paths } = await createJob(wanted, versions(), (folder) => runnerCommand(folder, wish.launcher));
    return paths.folder;
  } catch (error) {
    if (matrix !== null) await removeFile(matrix);
    if (!(await isJobFolder(wish.folder))) await forgetJob(wish.folder).catch(() => undefined);
    throw error;
  }
}

/** Makes the job and has its launcher start it; it outlives this process. */
export async function startJob(session: Session, wish: JobWish, signal: AbortSignal): Promise<JobStatus> {
  const view = new JobView(await makeJob(session, wish, signal));
  await launchJob(view, runnerCommand(view.paths.folder, wish.launcher));
  return view.status();
}

/**
 * Runs a job, or what is left of it, in this process.
 *
 * @param inTurn waits first until the user's other launched jobs on this machine leave room
 * @throws what `runJob` throws
 */
export async function runJobHere(
  session: Session,
  folder: string,
  signal: AbortSignal,
  { inTurn } = { inTurn: false },
): Promise<ExportResult> {
  const { stop } = jobPaths(folder);
  // Asked to stop while it waits, it begins after all: what has begun tells how it ended.
  const isOff = async (): Promise<boolean> => signal.aborted || (await readSmallFile(stop)) !== null;
  await using _ = inTurn ? await takeTurn(isOff) : null;
  return await withRun(session, folder, signal, (run) => runJob(folder, run));
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
  const reporter = (): ReportProgress => progressReporter(null, 'export', (event) => session.emit('progress', event));
  let [phaseNow, report] = ['', reporter()];
  const onProgress = ({ phase, doneBytes, totalBytes, message }: Progress): void => {
    if (phase !== phaseNow) [phaseNow, report] = [phase, reporter()];
    report(doneBytes, totalBytes, `${phase} ${message}`);
  };
  // What this very run is asked for, then what the job was made with; an editor's engine runs none itself.
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
  const { launcher } = await view.job();
  await resumeJob(view, runnerCommand(view.paths.folder, launcher));
  return view.status();
}

/**
 * @param from  number of the first record wanted; `next` of the last answer gives what is new since
 * @param shard number of the one whose journal; without, the job's own, and besides its output what the shards' processes printed
 */
export async function jobLog(folder: string, from = 0, shard?: number): Promise<JobLog> {
  const job = jobPaths(folder);
  await readJob(job);
  const paths = shard === undefined ? job : shardPaths(job, { index: shard });
  const { records } = await new JournalReader(paths.journal).advance();
  let printed = await readEnd(paths.log, PRINTED_BYTES);
  const shards: number[] = [];
  for (const { log } of shard === undefined ? await shardsOf(job) : []) {
    const index = Number(basename(dirname(log)));
    shards.push(index);
    const text = await readEnd(log, PRINTED_BYTES_OF_SHARD);
    if (text !== '') printed += `shard ${index}:\n${text}`;
  }
  return { records: records.slice(from), next: records.length, printed, shards };
}

/** This very engine, as a process of its own. On this machine it waits its turn; a cluster has a queue of its own. */
export function runnerCommand(folder: string, launcher: LauncherName): RunnerCommand {
  const entry = new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './engine.js', import.meta.url);
  const inTurn = launcher === 'local' ? ['--in-turn'] : [];
  return { program: process.execPath, args: [fileURLToPath(entry), 'job', 'run', folder, ...inTurn] };
}

function versions(): Versions {
  const { platform, arch, version } = process;
  return { quantscope: engineVersion(), node: version, platform: `${platform}-${arch}` };
}

async function newJob(session: Session, { model, calibrated, ...wish }: JobWish, signal: AbortSignal): Promise<NewJob> {
  const checkpoint = await openCheckpoint(model, { signal });
  const importance =
    wish.importance !== null
      ? await importanceOfFile(session, { checkpoint }, wish.importance, signal)
      : calibrated
        ? await importanceInUse({ checkpoint })
        : undefined;
  // The editor's engine has a number of threads for this machine; what is set for jobs comes first.
  const threads = wish.threads ?? (wish.launcher === 'local' ? (session.options.threads ?? null) : null);
  const rounding = await roundingOf(session, checkpoint, wish);
  const inputs: JobInputs = { checkpoint, ...(importance && { importance }), ...(rounding && { rounding }) };
  return { ...wish, inputs, threads, workers: threads ?? availableParallelism() };
}

async function roundingOf(
  { pool }: Session,
  checkpoint: Checkpoint,
  { rounding, plan, folder }: Pick<JobWish, 'rounding' | 'plan' | 'folder'>,
): Promise<GptqRounding | undefined> {
  if (rounding === undefined) return undefined;
  const types = plannedTypesByIndex(checkpoint, plan);
  const { rounded } = jobPaths(folder);
  const settings = rounding.settings ?? (await calibratedSettings({ checkpoint }));
  return GptqRounding.prepare(checkpoint, pool, { types, settings, folder: rounded });
}

/**
 * The calibration in use as a file beside the job's folder: a job may outlive what is kept of models, and reads what
 * other machines can read.
 *
 * @returns null when there is none, or none is wished for
 */
async function keepCalibration(
  session: Session,
  { model, folder, calibrated, importance }: JobWish,
  signal: AbortSignal,
): Promise<string | null> {
  // What is there belongs to another job, and this one will be refused.
  if (!calibrated || importance !== null || (await pathExists(folder))) return null;
  const opened = await session.open(model, signal);
  try {
    if ((await importanceInUse(opened)) === undefined) return null;
    const stem = `${resolve(folder)}.imatrix`;
    let path = `${stem}.gguf`;
    // One that is there may be another job's, whose folder was moved, or the user's own.
    for (let n = 2; await pathExists(path); n++) path = `${stem}-${n}.gguf`;
    return (await exportImatrix(opened, { output: path, overwrite: false })).output;
  } finally {
    session.close(opened.id);
  }
}

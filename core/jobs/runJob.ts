// The runner: one attempt at a job, from claiming it to the verified output or the record of why there is none.

import { basename } from 'node:path';
import { isCancelled } from '../base/cancellation.ts';
import { isQuantscopeError, QuantscopeError, toFailure } from '../base/errors.ts';
import { checkUnchanged } from '../io/fileIdentity.ts';
import { makeFolder } from '../io/moveFolder.ts';
import type { Pool } from '../kernels/pool.ts';
import type { Job, Versions } from '../protocol/jobs.ts';
import type { ExportResult } from '../protocol/objects.ts';
import { carryOut } from './carryOut.ts';
import { BeatWatch, type Progress, startBeating } from './heartbeat.ts';
import { type JobPaths, jobPaths, type ReadJob, readJob, refuseLinks } from './jobFolder.ts';
import { type JobInputs, openInputs } from './jobInputs.ts';
import { JobProgress } from './jobProgress.ts';
import { type Journal, openJournal } from './journal.ts';
import { JournalSummary } from './journalSummary.ts';
import type { AttemptContext } from './layOut.ts';
import { beatPath, type Claim, claimJob, refuseLive } from './runnerFiles.ts';
import { refuseFinished, type Shard, shardPaths } from './shards.ts';
import { Stop, takenOver, withdrawStop } from './stopRequests.ts';
import { type ShardResult, writeShard } from './writeShard.ts';

/** Keeps a record below its limit, whatever a failure quotes. */
const MAX_MESSAGE_CHARACTERS = 4000;

export interface JobRun {
  readonly pool: Pool;
  readonly versions: Versions;
  /** Aborting it pauses the job. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * Runs a job, or what is left of it. Its journal tells the outcome, whatever it is.
 *
 * @throws JOB_RUNNING, JOB_STATE when it has succeeded already, JOB_INVALID, FILE_CHANGED, CANCELLED (cancelled and
 * paused), and what preflight, encoding, writing and verifying throw
 */
export async function runJob(folder: string, run: JobRun): Promise<ExportResult> {
  const paths = jobPaths(folder);
  await refuseLinks(paths);
  return runWork(paths, run, carryOut);
}

/**
 * Writes one shard's units, or what is left of them; `runJob` finishes the job when every shard has been written, and
 * does itself what is missing.
 *
 * @throws as `runJob`, and JOB_RUNNING while the job itself is being run
 */
export async function runShard(folder: string, shard: Shard, run: JobRun): Promise<ShardResult> {
  const paths = jobPaths(folder);
  await readJob(paths);
  await refuseFinished(paths);
  const own = shardPaths(paths, shard);
  await refuseLinks(own);
  await makeFolder(own.runners);
  return runWork(own, run, async (...attempt) => {
    await refuseLive(paths);
    return writeShard(shard, ...attempt);
  });
}

type Work<T> = (paths: JobPaths, job: Job, inputs: JobInputs, context: AttemptContext) => Promise<T>;

async function runWork<T>(paths: JobPaths, run: JobRun, work: Work<T>): Promise<T> {
  const read = await readJob(paths);
  const claim = await claimJob(paths, new BeatWatch({ wait: true }));
  try {
    await using journal = await openJournal(paths.journal);
    await using stop = new Stop(paths, run.signal);
    try {
      return await attempt(paths, read, run, { claim, journal, stop }, work);
    } catch (error) {
      throw await tellOutcome(paths, journal, stop, error);
    }
  } finally {
    await claim.release();
  }
}

interface Held {
  readonly claim: Claim;
  readonly journal: Journal;
  readonly stop: Stop;
}

async function attempt<T>(
  paths: JobPaths,
  read: ReadJob,
  { pool, versions, onProgress }: JobRun,
  { claim, journal, stop }: Held,
  work: Work<T>,
): Promise<T> {
  const summary = new JournalSummary();
  for (const record of journal.records) summary.add(record);
  await checkJob(paths, read, journal, summary);
  const { pid, host } = claim.process;
  const dropped = journal.droppedBytes;
  await journal.append({
    type: 'started',
    attempt: claim.attempt,
    pid,
    host,
    threads: pool.threads,
    dropped,
  });
  const progress = new JobProgress(onProgress);
  let onBeat = async (): Promise<void> => {};
  await using _ = startBeating(
    beatPath(paths, claim.attempt),
    () => progress.now,
    () => progress.gpuBusyMs(),
    async () => {
      if (await claim.isTakenOver()) stop.stop(takenOver(basename(paths.folder)));
      await onBeat().catch((error: unknown) => stop.stop({ kind: 'fault', error }));
    },
  );
  const inputs = await openInputs(read.job, pool, stop.signal, paths.rounded);
  const { files } = inputs.checkpoint;
  onBeat = () => checkUnchanged(files);
  try {
    return await work(paths, read.job, inputs, { journal, summary, versions, pool, progress, signal: stop.signal });
  } catch (error) {
    // "Ends at byte 12" alone would send the user looking for a broken download.
    if (!isCancelled(error)) await checkUnchanged(files);
    throw error;
  }
}

/** @throws JOB_INVALID when job.json is not what the job was made with, JOB_STATE */
async function checkJob({ folder }: JobPaths, read: ReadJob, journal: Journal, summary: JournalSummary): Promise<void> {
  const name = basename(folder);
  if (summary.outcome?.type === 'succeeded')
    throw new QuantscopeError('JOB_STATE', `${name}: the job has succeeded, there is nothing left to do`);
  // The very first record was damaged: all of the journal is gone, and the job begins anew.
  if (summary.sha256 === null) await journal.append({ type: 'created', sha256: read.sha256 });
  else if (summary.sha256 !== read.sha256)
    throw new QuantscopeError(
      'JOB_INVALID',
      `${name}/job.json: changed since the job was made; make a new job instead`,
    );
}

/** @returns what to tell the caller */
async function tellOutcome(paths: JobPaths, journal: Journal, { reason }: Stop, thrown: unknown): Promise<unknown> {
  const error = isCancelled(thrown) && reason?.kind === 'fault' ? reason.error : thrown;
  // No longer ours to write in, or nothing that happened to the job.
  if (isQuantscopeError(error) && (error.code === 'JOB_RUNNING' || error.code === 'JOB_STATE')) return error;
  try {
    if (!isCancelled(error)) {
      const { code, message } = toFailure(error);
      await journal.append({ type: 'failed', code, message: message.slice(0, MAX_MESSAGE_CHARACTERS) });
    } else if (reason?.kind === 'cancel') {
      await journal.append({ type: 'cancelled' });
      await answerStop(paths);
    } else {
      await journal.append({ type: 'paused', reason: reason?.kind === 'pause' ? reason.by : 'the runner was stopped' });
      await answerStop(paths);
    }
    await journal.sync();
  } catch {
    // The journal cannot be written either: the first failure is the one to tell.
  }
  return error;
}

/** A request is for every shard as well: only the job's own runner takes it away, or the next launch. */
async function answerStop(paths: JobPaths): Promise<void> {
  if (paths.journal === jobPaths(paths.folder).journal) await withdrawStop(paths);
}

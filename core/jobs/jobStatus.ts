// The state of a job, derived from its journal and from whether its processes live: nowhere written down, never guessed.

import { basename, join } from 'node:path';
import * as z from 'zod';
import { QuantscopeError } from '../base/errors.ts';
import { readSmallFile } from '../io/smallFile.ts';
import { type Job, type JobState, type JobStatus, type JournalRecord, type Launch, zLaunch } from '../protocol/jobs.ts';
import { BeatWatch, readHeartbeat } from './heartbeat.ts';
import { type JobPaths, jobPaths, readJob } from './jobFolder.ts';
import { JournalReader } from './journalReader.ts';
import { JournalSummary } from './journalSummary.ts';
import type { LaunchState } from './launchers/launcher.ts';
import { LAUNCHER } from './launchers/registry.ts';
import { beatPath, findRunners, type Runner, type Runners } from './runnerFiles.ts';

/** What a launcher started: whether it waits or runs, and whether that has become an attempt already. */
export interface Launched {
  readonly state: LaunchState;
  readonly begun: boolean;
}

/**
 * A live runner runs, until its own outcome is written. Without one, a job is queued while its launcher still means to
 * start one, or before anybody asked it to; else the last outcome stands, unless a later attempt was killed: then, and
 * without any outcome, the job is lost.
 */
export function deriveState(
  { started, outcome }: Pick<JournalSummary, 'started' | 'outcome'>,
  { live, attempts, ended }: Runners,
  launched: Launched | null,
): JobState {
  if (outcome?.type === 'succeeded') return 'succeeded';
  if (live !== null) return outcome !== null && started?.attempt === live.attempt ? outcome.type : 'running';
  if (launched?.state === 'waiting' || (launched?.state === 'running' && !launched.begun)) return 'queued';
  if (outcome !== null && (ended || started?.attempt === attempts)) return outcome.type;
  return attempts === 0 && launched === null ? 'queued' : 'lost';
}

/** Looks at one job again and again, reading only what was added to its journal. */
export class JobView {
  readonly paths: JobPaths;
  readonly #reader: JournalReader;
  readonly #watch: BeatWatch;
  #summary = new JournalSummary();
  #job: Job | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param watch `wait: true` when the job is looked at once */
  constructor(folder: string, watch = new BeatWatch({ wait: true })) {
    this.paths = jobPaths(folder);
    this.#reader = new JournalReader(this.paths.journal);
    this.#watch = watch;
  }

  /** One look at a time. @throws FILE_NOT_FOUND, JOB_INVALID, FILE_UNREADABLE */
  status(): Promise<JobStatus> {
    const next = this.#last.then(() => this.#look());
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #look(): Promise<JobStatus> {
    const job = await this.job();
    // Processes before the journal: a runner that ends in between has written its last record by then.
    const runners = await findRunners(this.paths, this.#watch);
    const { attempts, live } = runners;
    const launched = live === null ? await lookAtLaunch(this.paths, attempts) : null;
    const summary = await this.#advance();
    const state = deriveState(summary, runners, launched);
    return {
      ...described(this.paths, job, summary),
      state,
      attempts,
      runner: live === null ? null : { pid: live.process.pid, host: live.process.host },
      progress: live === null ? null : await this.#progress(live),
      failure: state === 'failed' && summary.outcome?.type === 'failed' ? failureOf(summary.outcome) : null,
    };
  }

  /** Read once: it never changes. */
  async job(): Promise<Job> {
    this.#job ??= (await readJob(this.paths)).job;
    return this.#job;
  }

  async #advance(): Promise<JournalSummary> {
    const { restarted, records } = await this.#reader.advance();
    if (restarted) this.#summary = new JournalSummary();
    for (const record of records) this.#summary.add(record);
    return this.#summary;
  }

  async #progress({ attempt }: Runner): Promise<JobStatus['progress']> {
    const heartbeat = await readHeartbeat(beatPath(this.paths, attempt));
    if (heartbeat === null) return null;
    const { beat: _, ...progress } = heartbeat;
    return progress;
  }
}

async function lookAtLaunch(paths: JobPaths, attempts: number): Promise<Launched | null> {
  const launch = await readLaunch(paths);
  if (launch === null) return null;
  return { state: await LAUNCHER[launch.launcher].look(launch), begun: attempts > launch.after };
}

export async function readLaunch({ launch: path, folder }: JobPaths): Promise<Launch | null> {
  const text = await readSmallFile(path);
  if (text === null) return null;
  try {
    return zLaunch.parse(JSON.parse(text));
  } catch (cause) {
    const fact = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new QuantscopeError('JOB_INVALID', `${basename(folder)}/launch.json: ${fact}`, { cause });
  }
}

type Described = Omit<JobStatus, 'state' | 'attempts' | 'runner' | 'progress' | 'failure'>;

function described(
  paths: JobPaths,
  job: Job,
  { units, doneBytes, outcome, prepared, changedAt }: JournalSummary,
): Described {
  const { id, name, format, createdAt, launcher, expected } = job;
  return {
    folder: paths.folder,
    ...{ id, name, format, createdAt, launcher },
    device: prepared?.device ?? null,
    model: job.model.path,
    output: join(paths.out, job.output),
    changedAt: changedAt ?? createdAt,
    units: { done: units.size, total: expected.units },
    bytes: { done: doneBytes, total: expected.bytes },
    result: outcome?.type === 'succeeded' ? resultOf(outcome) : null,
  };
}

function resultOf(outcome: Extract<JournalRecord, { type: 'succeeded' }>): JobStatus['result'] {
  const { bytes, bitsPerWeight, seconds, worstSqnr, meanSqnr } = outcome;
  return { bytes, bitsPerWeight, seconds, worstSqnr, meanSqnr };
}

function failureOf({ code, message }: Extract<JournalRecord, { type: 'failed' }>): JobStatus['failure'] {
  return { code, message };
}

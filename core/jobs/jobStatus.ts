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
import { shardsOf } from './shards.ts';

/** What a launcher started: whether it waits or runs, and whether that has become an attempt already. */
export interface Launched {
  readonly state: LaunchState;
  /** The job's own runner, not a shard's. */
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
  // A shard that is written leaves the rest to others.
  const told = outcome === null || outcome.type === 'written' ? null : outcome.type;
  if (live !== null) return told !== null && started?.attempt === live.attempt ? told : 'running';
  if (launched?.state === 'waiting' || (launched?.state === 'running' && !launched.begun)) return 'queued';
  if (told !== null && (ended || started?.attempt === attempts)) return told;
  // Whoever cannot be asked may still have it.
  if (launched?.state === 'unknown') return 'queued';
  return attempts === 0 && launched === null ? 'queued' : 'lost';
}

/** Looks at one job again and again, reading only what was added to its journal. */
export class JobView {
  readonly paths: JobPaths;
  readonly #watch: BeatWatch;
  readonly #own: JournalView;
  readonly #shards = new Map<string, JournalView>();
  #job: Job | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** @param watch `wait: true` when the job is looked at once */
  constructor(folder: string, watch = new BeatWatch({ wait: true })) {
    this.paths = jobPaths(folder);
    this.#watch = watch;
    this.#own = new JournalView(this.paths, watch);
  }

  /** One look at a time. @throws FILE_NOT_FOUND, JOB_INVALID, FILE_UNREADABLE */
  status(): Promise<JobStatus> {
    const next = this.#last.then(() => this.#look());
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Read once: it never changes. */
  async job(): Promise<Job> {
    this.#job ??= (await readJob(this.paths)).job;
    return this.#job;
  }

  async #look(): Promise<JobStatus> {
    const job = await this.job();
    const launch = await readLaunch(this.paths);
    const first = await this.#lookAtAll(launch);
    // While the job's own runner lives, or has told the end, there is nothing a launcher could add.
    const asked = launch === null || first.told ? null : await LAUNCHER[launch.launcher].look(launch);
    // What the launcher is done with may have begun and ended since.
    const { own, shards, begun } = asked?.state === 'gone' ? await this.#lookAtAll(launch) : first;
    const looks = [own, ...shards];
    const attempts = looks.reduce((sum, { runners }) => sum + runners.attempts, 0);
    const deciding = decidingOf(own, shards, begun);
    const { paths, runners, summary } = deciding;
    const { live } = runners;
    const launched = asked === null || live !== null ? null : { state: asked.state, begun };
    // A shard's last word is not yet the job's.
    const state = live !== null && deciding !== own ? 'running' : deriveState(summary, runners, launched);
    const { outcome } = summary;
    const facts = described(this.paths, job, looks);
    return {
      ...facts,
      launched: launch !== null,
      state,
      attempts,
      queue: asked?.message ?? null,
      device: summary.prepared?.device ?? null,
      runner: live === null ? null : { pid: live.process.pid, host: live.process.host },
      progress:
        live === null
          ? null
          : deciding === own
            ? await progressOf(paths, live)
            : await progressOfShards(shards, facts.bytes),
      failure: state === 'failed' && outcome?.type === 'failed' ? failureOf(outcome) : null,
      result: outcome?.type === 'succeeded' ? resultOf(outcome) : null,
    };
  }

  async #lookAtAll(launch: Launch | null): Promise<{ own: Look; shards: Look[]; begun: boolean; told: boolean }> {
    const shards = await Promise.all((await shardsOf(this.paths)).map((paths) => this.#shard(paths).look()));
    const own = await this.#own.look();
    const begun = launch === null || own.runners.attempts > launch.after;
    return { own, shards, begun, told: own.runners.live !== null || isOver(own.summary, begun) };
  }

  #shard(paths: JobPaths): JournalView {
    const view = this.#shards.get(paths.journal) ?? new JournalView(paths, this.#watch);
    this.#shards.set(paths.journal, view);
    return view;
  }
}

interface Look {
  readonly paths: JobPaths;
  readonly runners: Runners;
  readonly summary: JournalSummary;
}

/**
 * Of several journals the one that says how the job is doing: a live one, the job's own, a shard that is not written.
 *
 * @param begun whether the job's own journal says anything of what was launched last
 */
function decidingOf(own: Look, shards: readonly Look[], begun: boolean): Look {
  if (own.runners.live !== null) return own;
  const live = shards.find(({ runners }) => runners.live !== null);
  if (live !== undefined || (begun && own.runners.attempts > 0)) return live ?? own;
  return shards.find(({ summary }) => summary.outcome?.type !== 'written') ?? shards[0] ?? own;
}

/** A journal and its runners: the job's, or a shard's. */
class JournalView {
  readonly #paths: JobPaths;
  readonly #watch: BeatWatch;
  readonly #reader: JournalReader;
  #summary = new JournalSummary();

  constructor(paths: JobPaths, watch: BeatWatch) {
    this.#paths = paths;
    this.#watch = watch;
    this.#reader = new JournalReader(paths.journal);
  }

  /** Processes before the journal: a runner that ends in between has written its last record by then. */
  async look(): Promise<Look> {
    const runners = await findRunners(this.#paths, this.#watch);
    const { restarted, records } = await this.#reader.advance();
    if (restarted) this.#summary = new JournalSummary();
    for (const record of records) this.#summary.add(record);
    return { paths: this.#paths, runners, summary: this.#summary };
  }
}

async function progressOf(paths: JobPaths, { attempt }: Runner): Promise<JobStatus['progress']> {
  const heartbeat = await readHeartbeat(beatPath(paths, attempt));
  if (heartbeat === null) return null;
  const { beat: _, ...progress } = heartbeat;
  return progress;
}

/** Of all shards at work: how much of the job is written, the longest time left, what their processes keep busy. */
async function progressOfShards(shards: readonly Look[], bytes: JobStatus['bytes']): Promise<JobStatus['progress']> {
  const beats: NonNullable<JobStatus['progress']>[] = [];
  const processors = new Map<string, number>();
  for (const { paths, runners } of shards) {
    const beat = runners.live === null ? null : await progressOf(paths, runners.live);
    if (beat === null || runners.live === null) continue;
    beats.push(beat);
    processors.set(runners.live.process.host, beat.processors);
  }
  const [first] = beats;
  if (first === undefined) return null;
  const left = beats.flatMap(({ secondsLeft }) => secondsLeft ?? []);
  const gpus = beats.flatMap(({ gpuBusy }) => gpuBusy ?? []);
  return {
    ...first,
    doneBytes: bytes.done,
    totalBytes: bytes.total,
    secondsLeft: left.length === 0 ? null : Math.max(...left),
    load: beats.reduce((sum, { load }) => sum + load, 0),
    processors: [...processors.values()].reduce((sum, count) => sum + count, 0),
    gpuBusy: gpus.length === 0 ? null : gpus.reduce((sum, share) => sum + share, 0) / gpus.length,
  };
}

/** A paused runner may be put back into a queue; these outcomes are for good, unless of an earlier launch. */
function isOver({ outcome }: JournalSummary, begun: boolean): boolean {
  if (outcome?.type === 'succeeded') return true;
  return begun && (outcome?.type === 'failed' || outcome?.type === 'cancelled');
}

/** @param path of another such record. @throws JOB_INVALID, FILE_UNREADABLE */
export async function readLaunch({ launch, folder }: JobPaths, path = launch): Promise<Launch | null> {
  const text = await readSmallFile(path);
  if (text === null) return null;
  try {
    return zLaunch.parse(JSON.parse(text));
  } catch (cause) {
    const fact = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new QuantscopeError('JOB_INVALID', `${basename(folder)}/${basename(path)}: ${fact}`, { cause });
  }
}

type Described = Omit<
  JobStatus,
  'state' | 'launched' | 'attempts' | 'queue' | 'device' | 'runner' | 'progress' | 'failure' | 'result'
>;

function described(paths: JobPaths, job: Job, looks: readonly Look[]): Described {
  const { id, name, format, createdAt, launcher, expected } = job;
  // The job's own runner journals the units of shards anew when it has checked them.
  const units = new Map(looks.flatMap(({ summary }) => [...summary.units]));
  const bytes = [...units.values()].reduce((sum, unit) => sum + unit.bytes, 0);
  const changes = looks.flatMap(({ summary: { changedAt } }) => (changedAt === null ? [] : [changedAt]));
  return {
    folder: paths.folder,
    ...{ id, name, format, createdAt, launcher },
    model: job.model.path,
    output: join(paths.out, job.output),
    changedAt: changes.sort().at(-1) ?? createdAt,
    units: { done: units.size, total: expected.units },
    bytes: { done: bytes, total: expected.bytes },
  };
}

function resultOf(outcome: Extract<JournalRecord, { type: 'succeeded' }>): JobStatus['result'] {
  const { bytes, bitsPerWeight, seconds, worstSqnr, meanSqnr } = outcome;
  return { bytes, bitsPerWeight, seconds, worstSqnr, meanSqnr };
}

function failureOf({ code, message }: Extract<JournalRecord, { type: 'failed' }>): JobStatus['failure'] {
  return { code, message };
}

// The journals of jobs in the output channel, and their last words for the tree: each record is asked for and written once.

import type * as vscode from 'vscode';
import type { JobLog, JobStatus } from '../core/protocol/jobs.ts';
import { isActive, jobName, logLine, notableText, shown } from './jobsText.ts';

const LAST_WORDS = 4;
/** Of an array of a thousand, the first few tell how it goes; the last step journals every unit once more. */
const FOLLOWED_SHARDS = 16;

type Ask = (folder: string, from: number, shard: number | undefined) => Promise<JobLog>;

interface Followed {
  /** Of the job's own journal (0) and those of its shards: how many records have been written here. */
  next: Map<number, number>;
  /** The status the last answer was for: the same again has nothing new. */
  seen: string;
  lastWords: string[];
  printed: string;
}

export class JobsLog {
  readonly channel: vscode.OutputChannel;
  readonly #ask: Ask;
  readonly #followed = new Map<string, Followed>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(channel: vscode.OutputChannel, ask: Ask) {
    this.channel = channel;
    this.#ask = ask;
  }

  /** Of a job that is followed, oldest first. */
  lastWords(folder: string): readonly string[] {
    return this.#followed.get(folder)?.lastWords ?? [];
  }

  /** After a look at the jobs: those that run, and those that were followed so far. */
  async update(jobs: readonly JobStatus[]): Promise<void> {
    for (const job of jobs) if (isActive(job) || this.#followed.has(job.folder)) await this.follow(job);
  }

  /** Writes what is new of a job, one job at a time. @throws what the engine throws */
  follow(job: JobStatus): Promise<void> {
    const next = this.#last.then(() => this.#advance(job));
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Everything there is about a job, what its process printed included. */
  async show(job: JobStatus): Promise<void> {
    await this.follow(job);
    const followed = this.#followed.get(job.folder);
    if (followed !== undefined && (job.state === 'failed' || job.state === 'lost')) {
      for (const line of followed.printed.trim().split('\n'))
        if (line !== '') this.channel.appendLine(`${jobName(job)} | ${shown(line)}`);
      followed.printed = '';
    }
    this.channel.show(true);
  }

  async #advance(job: JobStatus): Promise<void> {
    const followed = this.#followed.get(job.folder) ?? { next: new Map(), seen: '', lastWords: [], printed: '' };
    const seen = `${job.state} ${job.changedAt} ${job.units.done}`;
    if (followed.seen === seen) return;
    const { printed, shards } = await this.#write(job, followed);
    for (const shard of shards.slice(0, FOLLOWED_SHARDS)) await this.#write(job, followed, shard);
    this.#followed.set(job.folder, { ...followed, seen, printed });
  }

  async #write(job: JobStatus, followed: Followed, shard?: number): Promise<JobLog> {
    const log = await this.#ask(job.folder, followed.next.get(shard ?? 0) ?? 0, shard);
    const name = shard === undefined ? jobName(job) : `${jobName(job)}[${shard}]`;
    for (const record of log.records) this.channel.appendLine(logLine(name, record));
    const words = log.records.map(notableText).filter((text) => text !== null);
    followed.lastWords = [...followed.lastWords, ...words].slice(-LAST_WORDS);
    followed.next.set(shard ?? 0, log.next);
    return log;
  }
}

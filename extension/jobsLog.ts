// The journals of jobs in the output channel, and their last words for the tree: each record is asked for and written once.

import type * as vscode from 'vscode';
import type { JobLog, JobStatus } from '../core/protocol/jobs.ts';
import { isActive, jobName, logLine, notableText, shown } from './jobsText.ts';

const LAST_WORDS = 4;

interface Followed {
  next: number;
  /** The status the last answer was for: the same again has nothing new. */
  seen: string;
  lastWords: string[];
  printed: string;
}

export class JobsLog {
  readonly channel: vscode.OutputChannel;
  readonly #ask: (folder: string, from: number) => Promise<JobLog>;
  readonly #followed = new Map<string, Followed>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(channel: vscode.OutputChannel, ask: (folder: string, from: number) => Promise<JobLog>) {
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
    const followed = this.#followed.get(job.folder) ?? { next: 0, seen: '', lastWords: [], printed: '' };
    const seen = `${job.state} ${job.changedAt} ${job.units.done}`;
    if (followed.seen === seen) return;
    const { records, next, printed } = await this.#ask(job.folder, followed.next);
    for (const record of records) this.channel.appendLine(logLine(jobName(job), record));
    const words = records.map(notableText).filter((text) => text !== null);
    const lastWords = [...followed.lastWords, ...words].slice(-LAST_WORDS);
    this.#followed.set(job.folder, { next, seen, lastWords, printed });
  }
}

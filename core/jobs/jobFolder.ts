// A job is a folder; this is what lies in it, and how its description is written once and read back.
//
//   job.json         what is to be done; never changes
//   journal.ndjson   what was done, appended to by one runner at a time
//   runners/N.json   the process of attempt N; N.beat, its sign of life; N.ended once it let go
//   launch.json      what the launcher started; launching.json, while it is being handed over
//   stop             present while somebody asks the runner to stop
//   runner.log       what the runner's process printed
//   out.partial/     the file being written, renamed to out/ when it has been verified
//   rounded/         tensors whose codes are chosen ahead, until the output is there
//   shards/N/         journal and runners of shard N, while there are shards
//   report.json      the verification, tensor by tensor

import { createHash } from 'node:crypto';
import { basename, dirname, join, relative, resolve } from 'node:path';
import * as z from 'zod';
import { QuantscopeError } from '../base/errors.ts';
import { listLinks, pathExists } from '../io/folder.ts';
import { makeFolder, makeNewFolder, moveFolder, removeTree } from '../io/moveFolder.ts';
import { readTextFile, writeTextFile } from '../io/textFile.ts';
import { spellFigures } from '../protocol/figures.ts';
import { type Job, zJob } from '../protocol/jobs.ts';
import { openJournal } from './journal.ts';

export interface JobPaths {
  readonly folder: string;
  readonly job: string;
  readonly journal: string;
  readonly runners: string;
  readonly launch: string;
  readonly launching: string;
  readonly stop: string;
  readonly log: string;
  readonly partial: string;
  readonly out: string;
  readonly report: string;
  readonly rounded: string;
  readonly shards: string;
}

export function jobPaths(path: string): JobPaths {
  const folder = resolve(path);
  const inside = (name: string): string => join(folder, name);
  return {
    folder,
    job: inside('job.json'),
    journal: inside('journal.ndjson'),
    runners: inside('runners'),
    launch: inside('launch.json'),
    launching: inside('launching.json'),
    stop: inside('stop'),
    log: inside('runner.log'),
    partial: inside('out.partial'),
    out: inside('out'),
    report: inside('report.json'),
    rounded: inside('rounded'),
    shards: inside('shards'),
  };
}

/**
 * Made beside and renamed: the folder is a whole job or not there.
 * @throws OUTPUT_EXISTS, OUTPUT_INVALID, FILE_UNREADABLE, DISK_FULL
 */
export async function writeJobFolder(folder: string, job: Job): Promise<JobPaths> {
  const final = jobPaths(folder);
  const paths = jobPaths(`${final.folder}.draft-${process.pid}`);
  try {
    await makeNewFolder(paths.folder);
    await writeFiles(paths, job);
    await moveFolder(paths.folder, final.folder);
    return final;
  } catch (error) {
    await removeTree(paths.folder);
    throw error;
  }
}

async function writeFiles(paths: JobPaths, job: Job): Promise<void> {
  await makeFolder(paths.runners);
  const text = `${JSON.stringify(spellFigures(job), null, 2)}\n`;
  await using journal = await openJournal(paths.journal);
  await journal.append({ type: 'created', sha256: sha256(text) });
  await journal.sync();
  await writeTextFile(paths.job, text);
}

export interface ReadJob {
  readonly job: Job;
  /** Of the text, to compare with the journal's first record. */
  readonly sha256: string;
}

export function isJobFolder(folder: string): Promise<boolean> {
  return pathExists(jobPaths(folder).job);
}

/** @throws FILE_NOT_FOUND when the folder holds no job, JOB_INVALID naming the field */
export async function readJob({ folder, job: path }: JobPaths): Promise<ReadJob> {
  if (!(await pathExists(path)))
    throw new QuantscopeError('FILE_NOT_FOUND', `${basename(folder)}: no job, there is no job.json in the folder`);
  const text = await readTextFile(path);
  const invalid = (fact: string, cause?: unknown): QuantscopeError =>
    new QuantscopeError('JOB_INVALID', `${basename(folder)}/job.json: ${fact}`, { cause });
  // Validation would drop such an entry without a word; no tensor has this name.
  if (text.includes('"__proto__"')) throw invalid('"__proto__" is no name of a tensor');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw invalid(`not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  const parsed = zJob.safeParse(document);
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error).split('\n').slice(0, 2).join(' '), parsed.error);
  return { job: parsed.data, sha256: sha256(text) };
}

/**
 * Before anything is written in it: through a link, a folder from elsewhere would have its runner write into, cut or
 * empty what lies outside.
 *
 * @throws JOB_INVALID naming the link
 */
export async function refuseLinks({ folder, runners, partial, rounded, shards }: JobPaths): Promise<void> {
  // The job's folder first: a link in it may be one of those that follow.
  for (const place of [folder, shards, dirname(runners), runners, partial, rounded]) {
    const [link] = await listLinks(place);
    if (link === undefined) continue;
    const path = join(basename(folder), relative(folder, place), link);
    throw new QuantscopeError('JOB_INVALID', `${path}: is a symbolic link, a job keeps its files in its own folder`);
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

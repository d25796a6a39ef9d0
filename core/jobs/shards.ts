// A job cut into shards for machines that share a file system: each writes its units into the one unfinished output and
// journals them in a folder of its own; the job's own runner checks what they wrote, does what is missing, and finishes.

import { basename, join } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import type { ExportUnit } from '../export/units.ts';
import { listSubfolders, pathExists } from '../io/folder.ts';
import type { JobPaths } from './jobFolder.ts';
import { summaryOf } from './journalSummary.ts';

export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly of: number;
}

const SHARD_FOLDER = /^\d{4}$/;

/** Journal, runners and log are the shard's; description, output and requests the job's. */
export function shardPaths(paths: JobPaths, { index }: Pick<Shard, 'index'> & Partial<Shard>): JobPaths {
  return atFolder(paths, join(paths.shards, String(index).padStart(4, '0')));
}

/** Those that have begun. */
export async function shardsOf(paths: JobPaths): Promise<JobPaths[]> {
  if (!(await pathExists(paths.shards))) return [];
  const names = (await listSubfolders(paths.shards)).filter((name) => SHARD_FOLDER.test(name));
  return names.map((name) => atFolder(paths, join(paths.shards, name)));
}

/** Numbers of those whose journal does not say that they are written. */
export async function missingShards(paths: JobPaths, of: number): Promise<number[]> {
  const missing: number[] = [];
  for (let index = 1; index <= of; index++) {
    const { outcome } = await summaryOf(shardPaths(paths, { index, of }).journal);
    if (outcome?.type !== 'written') missing.push(index);
  }
  return missing;
}

function atFolder(paths: JobPaths, folder: string): JobPaths {
  return {
    ...paths,
    journal: join(folder, 'journal.ndjson'),
    runners: join(folder, 'runners'),
    log: join(folder, 'runner.log'),
  };
}

/**
 * Units of about equal work: the largest first, each to the shard that has least so far (Graham 1969, LPT).
 * The same units give the same shards, whoever asks.
 */
export function unitsOfShard(units: readonly ExportUnit[], { index, of }: Shard): ExportUnit[] {
  const loads = new Array<number>(of).fill(0);
  const mine: ExportUnit[] = [];
  for (const unit of units.toSorted((a, b) => workOf(b) - workOf(a) || a.index - b.index)) {
    const least = loads.indexOf(Math.min(...loads));
    loads[least] = (loads[least] ?? 0) + workOf(unit);
    if (least === index - 1) mine.push(unit);
  }
  return mine.sort((a, b) => a.index - b.index);
}

/** In weights: reading and quantizing take longer than writing. */
function workOf({ source, bytes }: ExportUnit): number {
  if (source instanceof Uint8Array) return bytes;
  return source.chunks.reduce((sum, { rows }) => sum + rows, 0) * source.columns;
}

/** @throws JOB_STATE when the output is there already */
export async function refuseFinished({ folder, out }: JobPaths): Promise<void> {
  if (await pathExists(out))
    throw new QuantscopeError('JOB_STATE', `${basename(folder)}: the job has its output, no shard is missing`);
}

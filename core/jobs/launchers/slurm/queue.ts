// What squeue and sacct say of a job's tasks, put into one state and one sentence.

import type { LaunchLook } from '../launcher.ts';

/** A task of the array, or the step that finishes the job. */
export interface Task {
  /** Of the array as a whole. */
  readonly job: string;
  /** Place in the array; null for the step that finishes. */
  readonly index: number | null;
  readonly state: string;
  readonly reason: string;
}

/** `%K` is the place in the array, or N/A. */
export const SQUEUE_FORMAT = '%F|%K|%T|%r';
/** One line a task: "12_3|TIMEOUT", "13|CANCELLED by 0". */
export const SACCT_FORMAT = 'JobID,State';

/** squeue(1), JOB STATE CODES: states something is still to come of. */
const WAITING = new Set([
  'PENDING',
  'REQUEUED',
  'REQUEUE_FED',
  'REQUEUE_HOLD',
  'SPECIAL_EXIT',
  'RESV_DEL_HOLD',
  'STAGE_OUT',
]);
const RUNNING = new Set(['RUNNING', 'CONFIGURING', 'COMPLETING', 'SIGNALING', 'SUSPENDED', 'STOPPED', 'RESIZING']);

/** Lines in another form are nobody's task. */
export function readQueue(text: string): Task[] {
  return text.split('\n').flatMap((line) => {
    const [, job, index, state, reason] = /^(\d+)\|(\d+|N\/A)\|([A-Z_]+)\|(.*)$/.exec(line.trim()) ?? [];
    if (job === undefined || state === undefined) return [];
    return [{ job, index: index === 'N/A' ? null : Number(index), state, reason: reason ?? '' }];
  });
}

export function readAccounting(text: string): Task[] {
  return text.split('\n').flatMap((line) => {
    const [, job, index, state] = /^(\d+)(?:_(\d+))?\|([A-Z_]+)/.exec(line.trim()) ?? [];
    if (job === undefined || state === undefined) return [];
    return [{ job, index: index === undefined ? null : Number(index), state, reason: '' }];
  });
}

/**
 * @param array  number of the array, '' when every shard had been written
 * @param shards tasks it has
 */
export function summarize(tasks: readonly Task[], array: string, shards: number): LaunchLook {
  const waiting = tasks.filter(({ state }) => WAITING.has(state));
  const running = tasks.filter(({ state }) => RUNNING.has(state));
  const state = waiting.length > 0 ? 'waiting' : running.length > 0 ? 'running' : 'gone';
  const parts: string[] = [];
  if (array !== '') {
    const [queued, active] = [waiting.filter(isShard), running.filter(isShard)];
    if (active.length > 0) parts.push(`${active.length} of ${shards} shards running`);
    if (queued.length > 0) parts.push(`${queued.length} waiting${reasonsOf(queued)}`);
    const failed = tasks.filter((task) => isShard(task) && isFailed(task));
    for (const one of failed) parts.push(`shard ${one.index} ended: ${one.state}`);
    const ended = shards - queued.length - active.length - failed.length;
    if (ended > 0 && state !== 'gone') parts.push(`${ended} ended`);
  }
  const last = tasks.find(({ index }) => index === null);
  if (last !== undefined && running.includes(last)) parts.push('finishing');
  else if (last !== undefined && waiting.includes(last) && !waiting.some(isShard) && !running.some(isShard))
    parts.push(`last step waiting${reasonsOf([last])}`);
  else if (last !== undefined && isFailed(last)) parts.push(`last step ended: ${last.state}`);
  const name = array === '' ? 'Slurm' : `Slurm job ${array}`;
  return { state, message: parts.length === 0 ? `${name}: nothing in the queue` : `${name}: ${parts.join(', ')}` };
}

function isShard({ index }: Task): boolean {
  return index !== null;
}

function isFailed({ state }: Task): boolean {
  return !WAITING.has(state) && !RUNNING.has(state) && state !== 'COMPLETED';
}

function reasonsOf(tasks: readonly Task[]): string {
  const reasons = [...new Set(tasks.map(({ reason }) => reason))].filter(
    (reason) => reason !== '' && reason !== 'None',
  );
  return reasons.length === 0 ? '' : ` (${reasons.slice(0, 3).join(', ')})`;
}

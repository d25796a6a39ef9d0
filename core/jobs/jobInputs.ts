// What a job reads, opened again and held against what it was made for.

import { matchPlan } from '../allocation/planMatch.ts';
import { QuantscopeError } from '../base/errors.ts';
import { matchImportance } from '../calibration/matchImportance.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openCheckpoint } from '../checkpoint/open.ts';
import { plannedTypesByIndex } from '../export/plannedTypes.ts';
import type { Pool } from '../kernels/pool.ts';
import type { Job } from '../protocol/jobs.ts';
import type { Importance } from '../quant/importance.ts';
import { GptqRounding } from '../rounding/gptqRounding.ts';

export interface JobInputs {
  readonly checkpoint: Checkpoint;
  readonly importance?: Importance;
  readonly rounding?: GptqRounding;
}

/**
 * @param rounded folder of tensors whose codes are chosen ahead
 * @throws FILE_CHANGED, FILE_NOT_FOUND, PLAN_MISMATCH, CANCELLED, and what opening and running throw
 */
export async function openInputs(job: Job, pool: Pool, signal: AbortSignal, rounded: string): Promise<JobInputs> {
  const { model, plan } = job;
  const checkpoint = await openCheckpoint(model.path, { signal });
  if (checkpoint.fingerprint !== model.fingerprint)
    throw new QuantscopeError(
      'FILE_CHANGED',
      `${model.name}: changed since the job was made, fingerprint ${model.fingerprint} then, ${checkpoint.fingerprint} now`,
    );
  matchPlan(plan, checkpoint, 'plan');
  const importance = await openImportance(job, checkpoint, pool, signal);
  const rounding = await openRounding(job, checkpoint, pool, rounded);
  return { checkpoint, ...(importance && { importance }), ...(rounding && { rounding }) };
}

async function openImportance(
  { importance }: Job,
  checkpoint: Checkpoint,
  pool: Pool,
  signal: AbortSignal,
): Promise<Importance | undefined> {
  if (importance === null) return undefined;
  const matrix = await openCheckpoint(importance.path, { signal });
  const matched = await matchImportance(checkpoint, matrix, pool, signal);
  if (matched.id !== importance.id)
    throw new QuantscopeError('FILE_CHANGED', `${importance.name}: other values than when the job was made`);
  return matched;
}

async function openRounding(
  { rounding, plan }: Job,
  checkpoint: Checkpoint,
  pool: Pool,
  folder: string,
): Promise<GptqRounding | undefined> {
  if (rounding === undefined) return undefined;
  const types = plannedTypesByIndex(checkpoint, plan);
  const prepared = await GptqRounding.prepare(checkpoint, pool, { types, settings: rounding.settings, folder });
  if (prepared.id !== rounding.id)
    throw new QuantscopeError('FILE_CHANGED', `${prepared.dataset}: other text than when the job was made`);
  return prepared;
}

// What a job reads, opened again and held against what it was made for.

import { matchPlan } from '../allocation/planMatch.ts';
import { QuantscopeError } from '../base/errors.ts';
import { matchImportance } from '../calibration/matchImportance.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openCheckpoint } from '../checkpoint/open.ts';
import type { Pool } from '../kernels/pool.ts';
import type { Job } from '../protocol/jobs.ts';
import type { Importance } from '../quant/importance.ts';

export interface JobInputs {
  readonly checkpoint: Checkpoint;
  readonly importance?: Importance;
}

/** @throws FILE_CHANGED, FILE_NOT_FOUND, PLAN_MISMATCH, CANCELLED, and what opening throws */
export async function openInputs(
  { model, plan, importance }: Job,
  pool: Pool,
  signal: AbortSignal,
): Promise<JobInputs> {
  const checkpoint = await openCheckpoint(model.path, { signal });
  if (checkpoint.fingerprint !== model.fingerprint)
    throw new QuantscopeError(
      'FILE_CHANGED',
      `${model.name}: changed since the job was made, fingerprint ${model.fingerprint} then, ${checkpoint.fingerprint} now`,
    );
  matchPlan(plan, checkpoint, 'plan');
  if (importance === null) return { checkpoint };
  const matrix = await openCheckpoint(importance.path, { signal });
  const matched = await matchImportance(checkpoint, matrix, pool, signal);
  if (matched.id !== importance.id)
    throw new QuantscopeError('FILE_CHANGED', `${importance.name}: other values than when the job was made`);
  return { checkpoint, importance: matched };
}

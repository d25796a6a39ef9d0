// Preflight and export of an open model.

import { matchPlan } from '../allocation/planMatch.ts';
import { preflight } from '../export/preflight.ts';
import { EXPORTERS } from '../export/registry.ts';
import { runExport } from '../export/runExport.ts';
import type { Check, ExportFormat, ExportResult } from '../protocol/objects.ts';
import type { Plan } from '../protocol/plan.ts';
import type { Importance } from '../quant/importance.ts';
import { progressReporter } from './progress.ts';
import type { OpenModel, Session } from './session.ts';

export interface ExportWish {
  readonly plan: Plan;
  readonly format: ExportFormat;
  readonly output: string;
  readonly overwrite: boolean;
  readonly importance?: Importance | undefined;
}

export async function preflightExport(
  session: Session,
  { checkpoint }: OpenModel,
  { format, ...wish }: ExportWish,
): Promise<{ checks: Check[]; ok: boolean; bytes: number }> {
  const { checks, ok, bytes } = await preflight(EXPORTERS[format], { checkpoint, ...wish }, session.pool.threads);
  return {
    checks: checks.map(({ name, ok, message, code }) => ({ name, ok, message, code: ok ? null : code })),
    ok,
    bytes,
  };
}

/** @throws what the preflight found, PLAN_MISMATCH, NON_FINITE, DISK_FULL, FILE_CHANGED, VERIFY_FAILED, CANCELLED */
export async function exportModel(
  session: Session,
  { id, checkpoint }: OpenModel,
  { format, ...wish }: ExportWish,
  signal: AbortSignal,
): Promise<ExportResult> {
  matchPlan(wish.plan, checkpoint, 'plan');
  const onProgress = progressReporter(id, 'export', (event) => session.emit('progress', event));
  return runExport(format, { checkpoint, ...wish }, { pool: session.pool, signal, onProgress });
}

// Preflight and export of an open model.

import { matchPlan } from '../allocation/planMatch.ts';
import { isQuantscopeError } from '../base/errors.ts';
import { preflight, throwIfFailed } from '../export/preflight.ts';
import { EXPORTERS } from '../export/registry.ts';
import { runExport } from '../export/runExport.ts';
import type { RunSettings } from '../protocol/calibration.ts';
import type { Check, ExportFormat, ExportResult } from '../protocol/objects.ts';
import type { Plan } from '../protocol/plan.ts';
import type { Importance } from '../quant/importance.ts';
import { progressReporter } from './progress.ts';
import { prepareGptq, removeRounded } from './rounding.ts';
import type { OpenModel, Session } from './session.ts';
import { onUnchanged } from './unchanged.ts';

export interface ExportWish {
  readonly plan: Plan;
  readonly format: ExportFormat;
  readonly output: string;
  readonly overwrite: boolean;
  readonly importance?: Importance | undefined;
  /** GPTQ chooses the codes, by Hessians measured on this text. */
  readonly gptq?: RunSettings | undefined;
}

export async function preflightExport(
  session: Session,
  model: OpenModel,
  { format, gptq: settings, ...wish }: ExportWish,
): Promise<{ checks: Check[]; ok: boolean; bytes: number }> {
  const { checkpoint } = model;
  const prepared =
    settings === undefined
      ? undefined
      : await prepareGptq(session, model, { ...wish, settings }).catch((error: unknown) => {
          if (isQuantscopeError(error)) return error;
          throw error;
        });
  const [rounding, refusal] = isQuantscopeError(prepared) ? [undefined, prepared] : [prepared, null];
  const found = await preflight(EXPORTERS[format], { checkpoint, ...wish, rounding }, session.pool.threads);
  const checks = found.checks.map(({ name, ok, message, code }) => ({ name, ok, message, code: ok ? null : code }));
  if (refusal === null) return { checks, ok: found.ok, bytes: found.bytes };
  const { message, code } = refusal;
  return { checks: [...checks, { name: 'Rounding', ok: false, message, code }], ok: false, bytes: found.bytes };
}

/** @throws what the preflight found, PLAN_MISMATCH, NON_FINITE, DISK_FULL, FILE_CHANGED, VERIFY_FAILED, CANCELLED */
export async function exportModel(
  session: Session,
  model: OpenModel,
  { format, gptq: settings, ...wish }: ExportWish,
  signal: AbortSignal,
): Promise<ExportResult> {
  const { checkpoint, id } = model;
  matchPlan(wish.plan, checkpoint, 'plan');
  const { pool } = session;
  const onProgress = progressReporter(id, 'export', (event) => session.emit('progress', event));
  if (settings === undefined) return runExport(format, { checkpoint, ...wish }, { pool, signal, onProgress });
  const began = performance.now();
  const rounding = await prepareGptq(session, model, { ...wish, settings });
  const input = { checkpoint, ...wish, rounding };
  throwIfFailed(await preflight(EXPORTERS[format], input, pool.threads));
  try {
    await onUnchanged(checkpoint.files, () => rounding.carryOut(pool, { signal, onProgress }));
    const result = await runExport(format, input, { pool, signal, onProgress });
    return { ...result, seconds: (performance.now() - began) / 1000 };
  } finally {
    await removeRounded(wish.output);
  }
}

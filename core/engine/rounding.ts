// Exports whose codes GPTQ chooses: on which text, and where its bytes wait until the export is done.

import { QuantscopeError } from '../base/errors.ts';
import { plannedTypesByIndex } from '../export/plannedTypes.ts';
import { removeTree } from '../io/moveFolder.ts';
import type { RunSettings } from '../protocol/calibration.ts';
import type { Plan } from '../protocol/plan.ts';
import { GptqRounding } from '../rounding/gptqRounding.ts';
import { freshCalibration } from './calibrating.ts';
import type { OpenModel, Session } from './session.ts';

export interface RoundedExport {
  readonly plan: Plan;
  readonly output: string;
  readonly settings: RunSettings;
}

/** What the calibration in use was measured on. @throws USAGE without such a calibration, FILE_CHANGED for a stale one */
export async function calibratedSettings(model: Pick<OpenModel, 'checkpoint'>): Promise<RunSettings> {
  const { settings, source } = (await freshCalibration(model)).record;
  if (settings !== null) return settings;
  throw new QuantscopeError(
    'USAGE',
    `${model.checkpoint.name}: GPTQ runs the model on a text; ${source} says what was measured on one, not the text`,
  );
}

/** Nothing is run or written. @throws what `GptqRounding.prepare` throws, PLAN_MISMATCH */
export function prepareGptq(
  { pool }: Session,
  { checkpoint }: OpenModel,
  { plan, output, settings }: RoundedExport,
): Promise<GptqRounding> {
  const types = plannedTypesByIndex(checkpoint, plan);
  return GptqRounding.prepare(checkpoint, pool, { types, settings, folder: folderOf(output) });
}

/** What an export of that name left behind, whether it ended well or not. */
export function removeRounded(output: string): Promise<void> {
  return removeTree(folderOf(output));
}

/** Beside the output: that disk has room for it. */
function folderOf(output: string): string {
  return `${output}.partial-${process.pid}-rounding`;
}

// Sensitivity of an open model: scanned or read from the cache, kept for planning, handed on row by row.

import { refuseImatrix } from '../checkpoint/imatrixDetails.ts';
import type { Result } from '../protocol/calls.ts';
import type { SensitivityRow } from '../protocol/objects.ts';
import type { Importance } from '../quant/importance.ts';
import { scanSensitivity } from '../sensitivity/scan.ts';
import { progressReporter } from './progress.ts';
import type { OpenModel, Session } from './session.ts';
import { onUnchanged } from './unchanged.ts';

const scans = new WeakMap<OpenModel, string>();

/** What the model's damages were last scanned with: plans made of other damages are out of date. */
export function scanOf(model: OpenModel): string | undefined {
  return scans.get(model);
}

/** @throws UNSUPPORTED_ARCHITECTURE for importance matrices, and what scanning throws */
export async function scanModelSensitivity(
  session: Session,
  model: OpenModel,
  signal: AbortSignal,
  onRow: (row: SensitivityRow) => void = () => {},
  importance?: Importance,
): Promise<Result<'sensitivity'>> {
  refuseImatrix(model.checkpoint);
  const began = performance.now();
  const scanned = await onUnchanged(model.checkpoint.files, () =>
    scanSensitivity(model.checkpoint, session.pool, {
      maxElementsPerTensor: session.options.sensitivityElements,
      importance,
      signal,
      onRow: (row) => {
        model.sensitivity.set(row.tensor, row);
        onRow(row);
      },
      onProgress: progressReporter(model.id, 'sensitivity', (event) => session.emit('progress', event)),
    }),
  );
  scans.set(model, importance?.id ?? 'plain');
  return { ...scanned, seconds: (performance.now() - began) / 1000 };
}

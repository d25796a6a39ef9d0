// Codes chosen ahead for the units that an attempt is about to write.

import type { ExportUnit } from '../export/units.ts';
import type { JobInputs } from './jobInputs.ts';
import type { AttemptContext } from './layOut.ts';

/** What earlier attempts rounded, or other shards, is taken up. @throws what rounding throws */
export async function roundUnits(
  { rounding }: JobInputs,
  units: readonly ExportUnit[],
  { pool, progress, signal }: AttemptContext,
): Promise<void> {
  if (rounding === undefined) return;
  const wanted = units.flatMap(({ source }) => (source instanceof Uint8Array ? [] : [source.tensor]));
  progress.enter('rounding');
  await rounding.carryOut(pool, { signal, onProgress: progress.report.bind(progress) }, new Set(wanted));
}

// An importance matrix named on the command line, put to an open model.

import { matchImportance } from '../calibration/matchImportance.ts';
import { openCheckpoint } from '../checkpoint/open.ts';
import type { Importance } from '../quant/importance.ts';
import type { OpenModel, Session } from './session.ts';

/** @param path from --imatrix; undefined without. @throws what opening and matching throw */
export async function importanceFor(
  session: Session,
  model: Pick<OpenModel, 'checkpoint'>,
  path: unknown,
  signal: AbortSignal,
): Promise<Importance | undefined> {
  if (typeof path !== 'string') return undefined;
  return matchImportance(model.checkpoint, await openCheckpoint(path, { signal }), session.pool, signal);
}

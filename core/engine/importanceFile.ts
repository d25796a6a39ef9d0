// The importance matrix of a command: named on its line, or that of the model's calibration.

import { matchImportance } from '../calibration/matchImportance.ts';
import { openCheckpoint } from '../checkpoint/open.ts';
import type { Importance } from '../quant/importance.ts';
import { chooseImportance, importanceInUse } from './calibratingState.ts';
import type { OpenModel, Session } from './session.ts';

type Model = Pick<OpenModel, 'checkpoint'>;

/** `--imatrix` that leaves a calibration out. */
export const NO_IMATRIX = 'none';

/**
 * What a command line asks for becomes what the model is planned and exported with; without `--imatrix` that is its
 * calibration, if it has one.
 * @param path from --imatrix: a file, "none", or undefined
 * @throws what opening and matching throw
 */
export async function importanceFor(
  session: Session,
  model: Model,
  path: unknown,
  signal: AbortSignal,
): Promise<Importance | undefined> {
  if (typeof path === 'string')
    chooseImportance(model, path === NO_IMATRIX ? null : await importanceOfFile(session, model, path, signal));
  return importanceInUse(model);
}

/** A matrix put to an open model. @throws what opening and matching throw */
export async function importanceOfFile(
  session: Session,
  { checkpoint }: Model,
  path: string,
  signal: AbortSignal,
): Promise<Importance> {
  return matchImportance(checkpoint, await openCheckpoint(path, { signal }), session.pool, signal);
}

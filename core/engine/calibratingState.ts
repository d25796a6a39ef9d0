// The calibration in use for an open model: found on disk or just made, never used when the model's files changed.

import type { ActivationStatistics } from '../calibration/activationStatistics.ts';
import { type CalibrationRecord, CalibrationStore } from '../calibration/calibrationStore.ts';
import { importanceOf } from '../calibration/matchImportance.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { checkUnchanged } from '../io/fileIdentity.ts';
import type { Calibration } from '../protocol/calibration.ts';
import type { Importance } from '../quant/importance.ts';

export interface CalibrationInUse {
  readonly record: CalibrationRecord;
  readonly columns: ReadonlyMap<number, Float32Array>;
  /** Kept from the run that measured it; read from disk when undefined. */
  readonly statistics?: ActivationStatistics;
}

/** What is shared by all calls on one open file. */
type Model = { readonly checkpoint: Checkpoint };

const inUse = new WeakMap<Checkpoint, Promise<CalibrationInUse | null>>();

/** The last calibration run or imported for this file; looked up on disk once. */
export function calibrationInUse({ checkpoint }: Model): Promise<CalibrationInUse | null> {
  const found = inUse.get(checkpoint) ?? fromDisk(checkpoint);
  inUse.set(checkpoint, found);
  return found;
}

/** Makes it the one in use, here and on disk. */
export async function setCalibration({ checkpoint }: Model, calibration: CalibrationInUse): Promise<void> {
  inUse.set(checkpoint, Promise.resolve(calibration));
  const store = await CalibrationStore.open();
  await store.saveColumns(calibration.record.id, calibration.columns);
  await store.setCurrent(checkpoint, calibration.record);
}

/** As people see it: stale ones too, marked. */
export async function shownCalibration(model: Model): Promise<Calibration | null> {
  const found = await calibrationInUse(model);
  if (found === null) return null;
  const { fingerprint: _, chunks: __, ...calibration } = found.record;
  return { ...calibration, stale: await isStale(model, found) };
}

const chosen = new WeakMap<Checkpoint, Importance | null>();

/** Takes the place of the calibration in this process, as a command line asks; null for none at all. */
export function chooseImportance({ checkpoint }: Model, importance: Importance | null): void {
  chosen.set(checkpoint, importance);
}

/** What quantizers and scores weigh columns with; undefined without a calibration, or when the files changed since. */
export async function importanceInUse(model: Model): Promise<Importance | undefined> {
  const explicit = chosen.get(model.checkpoint);
  if (explicit !== undefined) return explicit ?? undefined;
  const found = await calibrationInUse(model);
  if (found === null || (await isStale(model, found))) return undefined;
  const importance = importances.get(found) ?? importanceFrom(found);
  importances.set(found, importance);
  return importance;
}

/** Its id is a hash of all values: made once. */
const importances = new WeakMap<CalibrationInUse, Importance>();

function importanceFrom({ record: { source, kind, chunks }, columns }: CalibrationInUse): Importance {
  const file = kind === 'imported' ? source : null;
  const dataset = kind === 'measured' ? source : null;
  return importanceOf(columns, source, { file, dataset, chunks });
}

export async function isStale({ checkpoint }: Model, { record }: CalibrationInUse): Promise<boolean> {
  if (record.fingerprint !== checkpoint.fingerprint) return true;
  return checkUnchanged(checkpoint.files).then(
    () => false,
    () => true,
  );
}

async function fromDisk(checkpoint: Checkpoint): Promise<CalibrationInUse | null> {
  const store = await CalibrationStore.open();
  const record = await store.current(checkpoint);
  if (record === null) return null;
  const columns = await store.columns(record.id);
  // Without its values a calibration is of no use, unless it is only to be shown as old.
  if (columns === null && record.fingerprint === checkpoint.fingerprint) return null;
  return { record, columns: columns ?? new Map() };
}

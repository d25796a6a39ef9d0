// Calls about running a model on text: what it would cost, running it, importance matrices in and out.

import { totalmem } from 'node:os';
import { basename } from 'node:path';
import { bytesText } from '../base/byteText.ts';
import { isCancelled } from '../base/cancellation.ts';
import { isQuantscopeError, QuantscopeError } from '../base/errors.ts';
import { type CalibrationRun, prepareRun } from '../calibration/calibrationRun.ts';
import { type CalibrationRecord, CalibrationStore } from '../calibration/calibrationStore.ts';
import { columnsOf, importanceEntries } from '../calibration/collectImportance.ts';
import { matchImportance } from '../calibration/matchImportance.ts';
import { openCheckpoint } from '../checkpoint/open.ts';
import { imatrixBytes, writeImatrix } from '../export/gguf/imatrixFile.ts';
import { inputsOf } from '../export/inputsOf.ts';
import { sumsByTensor } from '../forward/squareSums.ts';
import { checkOutputIsNew, checkOutputIsNotInput } from '../io/outputPath.ts';
import { ggufName } from '../model/ggufNames.ts';
import type { Calibration, RunCost, RunSettings } from '../protocol/calibration.ts';
import { memoryBytes, secondsLeft } from './calibratingCost.ts';
import { measureActivations } from './calibratingRun.ts';
import {
  type CalibrationInUse,
  calibrationInUse,
  isStale,
  setCalibration,
  shownCalibration,
} from './calibratingState.ts';
import { progressReporter } from './progress.ts';
import type { OpenModel, Session } from './session.ts';
import { onUnchanged } from './unchanged.ts';

/** Never throws for what the user can change: that is the `blocker`. @throws CANCELLED, INTERNAL */
export async function runCost(
  session: Session,
  { checkpoint }: OpenModel,
  settings: RunSettings,
  signal: AbortSignal,
): Promise<RunCost> {
  try {
    return await onUnchanged(checkpoint.files, async () => {
      const run = await prepareRun(checkpoint, session.pool, settings);
      const memory = memoryBytes(run);
      const facts = {
        sequences: run.set.sequences.length,
        tokens: run.set.tokens,
        memoryBytes: memory,
        device: run.decoder.parts.runtime.device,
      };
      // What does not fit is not timed either.
      if (memory > totalmem()) return { ...facts, seconds: 0, blocker: tooLarge(memory) };
      const seconds = await secondsLeft(run, await CalibrationStore.open(), signal);
      return { ...facts, seconds, blocker: null };
    });
  } catch (error) {
    if (isCancelled(error) || !isQuantscopeError(error)) throw error;
    return { sequences: 0, tokens: 0, seconds: 0, memoryBytes: 0, device: '', blocker: error.message };
  }
}

function tooLarge(bytes: number): string {
  return `it takes ${bytesText(bytes)} of memory, this machine has ${bytesText(totalmem())}: use a shorter context`;
}

/**
 * Runs what is missing and makes the result the calibration in use.
 * @throws what `prepareRun` and `measureActivations` throw; FILE_CHANGED
 */
export async function calibrate(
  session: Session,
  model: OpenModel,
  settings: RunSettings,
  signal: AbortSignal,
): Promise<Calibration> {
  const { checkpoint } = model;
  const store = await CalibrationStore.open();
  const found = await onUnchanged(checkpoint.files, async (): Promise<CalibrationInUse> => {
    const run = await prepareRun(checkpoint, session.pool, settings);
    const before = await store.finished(run.id);
    const statistics = await measureActivations(run, store, {
      signal,
      onProgress: progressReporter(model.id, 'calibration', (event) => session.emit('progress', event)),
    });
    const columns = columnsOf(sumsByTensor(run.decoder.parts, statistics.squares()));
    return { record: before ?? recordOf(run, columns.size), columns, statistics };
  });
  await setCalibration(model, found);
  return shown(model);
}

function recordOf({ id, text, set, settings, decoder }: CalibrationRun, tensors: number): CalibrationRecord {
  const { weights, runtime } = decoder.parts;
  const { fingerprint } = weights.checkpoint;
  const method = `inputs of all linear layers over ${set.tokens} tokens: ${text.name}, ${set.sequences.length} sequences of ${settings.context}, seed ${settings.seed}`;
  return {
    id,
    source: text.name,
    kind: 'measured',
    dataHash: set.dataHash,
    settings,
    sequences: set.sequences.length,
    tokens: set.tokens,
    device: runtime.device,
    tensors,
    activations: true,
    provenance: { kind: 'measured', method, at: new Date().toISOString(), fingerprint },
    fingerprint,
    chunks: set.sequences.length,
  };
}

/** @throws what opening and matching throw: TYPE_UNKNOWN, TENSOR_NOT_FOUND, SHAPE_INVALID, NON_FINITE */
export async function importImatrix(
  session: Session,
  model: OpenModel,
  path: string,
  signal: AbortSignal,
): Promise<Calibration> {
  const { checkpoint } = model;
  const matrix = await openCheckpoint(path, { signal });
  const importance = await matchImportance(checkpoint, matrix, session.pool, signal);
  const columns = new Map<number, Float32Array>();
  for (const { index } of checkpoint.tensors) {
    const values = importance.columns(index);
    if (values !== null) columns.set(index, values);
  }
  const { fingerprint } = checkpoint;
  const { datasets, chunks, chunkTokens } = matrix.imatrix ?? { datasets: [], chunks: null, chunkTokens: null };
  const text = datasets.length === 0 ? 'a text it does not name' : datasets.join(', ');
  const record: CalibrationRecord = {
    id: importance.id,
    source: basename(path),
    kind: 'imported',
    dataHash: '',
    settings: null,
    sequences: chunks ?? 0,
    tokens: (chunks ?? 0) * (chunkTokens ?? 0),
    device: '',
    tensors: columns.size,
    activations: false,
    provenance: {
      kind: 'measured',
      method: `mean squares of inputs, imported from ${basename(path)}, measured on ${text}`,
      at: new Date().toISOString(),
      fingerprint,
    },
    fingerprint,
    chunks,
  };
  await setCalibration(model, { record, columns });
  return shown(model);
}

/** @throws USAGE without a calibration, FILE_CHANGED for a stale one, OUTPUT_IS_INPUT, OUTPUT_EXISTS, DISK_FULL */
export async function exportImatrix(
  model: OpenModel,
  { output, overwrite }: { output: string; overwrite: boolean },
): Promise<{ output: string; bytes: number }> {
  const { checkpoint } = model;
  const { record, columns } = await freshCalibration(model);
  await checkOutputIsNotInput(output, inputsOf(checkpoint));
  if (!overwrite) await checkOutputIsNew(output);
  const { architecture } = checkpoint.model;
  const file = {
    entries: importanceEntries({ columns }, checkpoint, (name) => ggufName(name, architecture)),
    dataset: record.source,
    chunks: record.chunks ?? 1,
    chunkTokens: record.settings?.context ?? Math.max(1, record.tokens / (record.chunks ?? 1)),
  };
  const bytes = imatrixBytes(file, output);
  await writeImatrix(output, bytes);
  return { output, bytes: bytes.length };
}

/** @throws USAGE without a calibration, FILE_CHANGED when the model changed since it ran */
export async function freshCalibration(model: Pick<OpenModel, 'checkpoint'>): Promise<CalibrationInUse> {
  const { name } = model.checkpoint;
  const found = await calibrationInUse(model);
  if (found === null) throw new QuantscopeError('USAGE', `${name}: there is no calibration; run or import one first`);
  if (await isStale(model, found))
    throw new QuantscopeError('FILE_CHANGED', `${name}: changed since its calibration; run it again`);
  return found;
}

async function shown(model: OpenModel): Promise<Calibration> {
  const calibration = await shownCalibration(model);
  if (calibration === null) throw new QuantscopeError('INTERNAL', 'the calibration in use was just set');
  return calibration;
}

// What each call does. One entry per row of the message table; the work itself is in the modules called here.

import { QuantscopeError } from '../base/errors.ts';
import { type EngineCall, type Params, PROTOCOL_VERSION, type Result } from '../protocol/calls.ts';
import type { Provenance, SensitivityRow, StatisticsRow } from '../protocol/objects.ts';
import { readChannel } from '../stats/channel.ts';
import { tensorProfile } from '../stats/profile.ts';
import { scanStatistics } from '../stats/scan.ts';
import { readTile } from '../stats/tile.ts';
import { calibrate, exportImatrix, importImatrix, runCost } from './calibrating.ts';
import { importanceInUse, shownCalibration } from './calibratingState.ts';
import { activations, mapOfActivations, tokenMap } from './calibratingViews.ts';
import { measurePlans, rivalsOf } from './evaluatingPlans.ts';
import { exportModel, preflightExport } from './exporting.ts';
import { JOB_HANDLERS } from './jobCalls.ts';
import { paretoOf, previewFor, solveFor } from './planning.ts';
import { progressReporter } from './progress.ts';
import { calibratedSettings } from './rounding.ts';
import { answerScore, answerScoreMethods } from './scoring.ts';
import { scanModelSensitivity } from './sensitivityCall.ts';
import type { OpenModel, Session } from './session.ts';
import { modelSummary, tensorTable } from './summary.ts';
import { filesHolding, onUnchanged } from './unchanged.ts';
import { verifyFiles } from './verifying.ts';
import { engineVersion } from './version.ts';

type Handlers = {
  readonly [C in EngineCall]: (session: Session, params: Params<C>, signal: AbortSignal) => Promise<Result<C>>;
};

/** Rows per event: few enough messages for 50,000 tensors, small enough to draw as they come. */
const ROWS_PER_EVENT = 256;
const MAX_EVENT_DELAY_MS = 100;

export const HANDLERS: Handlers = {
  async handshake(_session, { protocol }) {
    if (protocol !== PROTOCOL_VERSION)
      throw new QuantscopeError(
        'PROTOCOL',
        `the editor speaks protocol ${protocol}, the engine ${PROTOCOL_VERSION}: reload the window`,
      );
    return { protocol: PROTOCOL_VERSION, version: engineVersion() };
  },

  async open(session, { path }, signal) {
    const model = await session.open(path, signal);
    return modelSummary(model.checkpoint, model.id, model.openMs);
  },

  async close(session, { model }) {
    session.close(model);
    return {};
  },

  async tensors(session, { model }) {
    return tensorTable(session.model(model).checkpoint);
  },

  async statistics(session, { model: id, tensors }, signal) {
    const model = session.model(id);
    const began = performance.now();
    const rows = batched<StatisticsRow>((batch) => session.emit('statistics', { model: id, rows: batch }));
    const { checkpoint } = model;
    const scanned = await onUnchanged(checkpoint.files, () =>
      scanStatistics(checkpoint, session.pool, {
        tensors,
        signal,
        onRow: (tensor, statistics) => rows.add({ tensor, statistics }),
        onProgress: progressReporter(id, 'statistics', (event) => session.emit('progress', event)),
      }).finally(() => rows.flush()),
    );
    return {
      ...scanned,
      seconds: (performance.now() - began) / 1000,
      provenance: provenance(model, 'measured', 'every element, one pass'),
    };
  },

  async profile(session, { model, tensor }, signal) {
    const { checkpoint } = session.model(model);
    const profile = await onUnchanged(filesHolding(checkpoint, tensor), () =>
      tensorProfile(checkpoint, session.pool, tensor, signal),
    );
    return { tensor, ...profile };
  },

  async tile(session, { model, ...window }, signal) {
    const { checkpoint } = session.model(model);
    return onUnchanged(filesHolding(checkpoint, window.tensor), () =>
      readTile(checkpoint, session.pool, { ...window, signal }),
    );
  },

  async channel(session, { model, ...wanted }, signal) {
    const { checkpoint } = session.model(model);
    const values = await onUnchanged(filesHolding(checkpoint, wanted.tensor), () =>
      readChannel(checkpoint, session.pool, { ...wanted, signal }),
    );
    return { values };
  },

  async sensitivity(session, { model: id }, signal) {
    const model = session.model(id);
    const rows = batched<SensitivityRow>((batch) => session.emit('sensitivity', { model: id, rows: batch }));
    const importance = await importanceInUse(model);
    return scanModelSensitivity(session, model, signal, rows.add, importance).finally(() => rows.flush());
  },

  async solve(session, { model, request }) {
    return solveFor(session.model(model), request);
  },

  async preview(session, { model, request }) {
    return previewFor(session.model(model), request);
  },

  async pareto(session, { model, request }) {
    return paretoOf(session.model(model), request);
  },

  async preflight(session, { model: id, plan, format, output, rounding }) {
    const model = session.model(id);
    const importance = await importanceInUse(model);
    const gptq = rounding && (await calibratedSettings(model));
    return preflightExport(session, model, { plan, format, output, overwrite: false, importance, gptq });
  },

  async export(session, { model: id, rounding, ...wanted }, signal) {
    const model = session.model(id);
    const importance = await importanceInUse(model);
    const gptq = rounding && (await calibratedSettings(model));
    return exportModel(session, model, { ...wanted, importance, gptq }, signal);
  },

  runCost: (session, { model, settings }, signal) => runCost(session, session.model(model), settings, signal),
  calibrate: (session, { model, settings }, signal) => calibrate(session, session.model(model), settings, signal),
  async calibration(session, { model }) {
    return { calibration: await shownCalibration(session.model(model)) };
  },
  importImatrix: (session, { model, path }, signal) => importImatrix(session, session.model(model), path, signal),
  exportImatrix: (session, { model, ...wish }) => exportImatrix(session.model(model), wish),
  activations: (session, { model }) => activations(session, session.model(model)),
  activationMap: (session, { model, ...wish }) => mapOfActivations(session.model(model), wish),
  tokenMap: (session, { model, ...wish }, signal) => tokenMap(session, session.model(model), wish, signal),
  scoreMethods: answerScoreMethods,
  score: answerScore,
  async rivals(session, { model: id, request }) {
    const model = session.model(id);
    return { rivals: await rivalsOf(model, request, (await importanceInUse(model)) !== undefined) };
  },

  async measurePlans(session, { model: id, ...wanted }, signal) {
    const model = session.model(id);
    return measurePlans(session, model, wanted, await importanceInUse(model), signal);
  },

  async verify(session, { original, exported }, signal) {
    return verifyFiles(session, original, exported, signal);
  },

  ...JOB_HANDLERS,
};

export function provenance(model: OpenModel, kind: Provenance['kind'], method: string): Provenance {
  return { kind, method, at: new Date().toISOString(), fingerprint: model.checkpoint.fingerprint };
}

/** Collects rows and hands them on in batches, by count or by time. */
function batched<Row>(send: (rows: Row[]) => void): { add(row: Row): void; flush(): void } {
  let rows: Row[] = [];
  let since = 0;
  const flush = (): void => {
    if (rows.length > 0) send(rows);
    rows = [];
  };
  const add = (row: Row): void => {
    if (rows.length === 0) since = performance.now();
    rows.push(row);
    if (rows.length >= ROWS_PER_EVENT || performance.now() - since > MAX_EVENT_DELAY_MS) flush();
  };
  return { add, flush };
}

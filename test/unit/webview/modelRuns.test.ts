import { describe, expect, it } from 'vitest';
import type { Activations, Calibration, ScoreMethod } from '../../../core/protocol/calibration.ts';
import type { ModelSummary, TensorTable } from '../../../core/protocol/objects.ts';
import {
  activationColumn,
  activationFigures,
  activationRow,
  firstFed,
} from '../../../webview/app/activationFigures.ts';
import type { HostClient } from '../../../webview/app/hostClient.ts';
import { HostFailure } from '../../../webview/app/hostFailure.ts';
import { createModelRuns } from '../../../webview/app/modelRuns.ts';
import { parseWhole } from '../../../webview/app/parseWhole.ts';
import { addScores, type Scores, scoreColumns } from '../../../webview/app/scoreColumns.ts';
import { NOTHING, type SessionState } from '../../../webview/app/sessionState.ts';
import { createStore } from '../../../webview/app/store.ts';
import { createTaskRunner } from '../../../webview/app/taskRunner.ts';
import { INITIAL_VIEW_STATE, type ViewState } from '../../../webview/app/viewState.ts';

const provenance = { kind: 'measured' as const, method: 'm', at: '2026-01-01', fingerprint: 'f' };
const calibration: Calibration = {
  id: 'c',
  source: 'bundled sample',
  kind: 'measured',
  dataHash: 'ab',
  settings: INITIAL_VIEW_STATE.calibrateOn,
  sequences: 32,
  tokens: 8192,
  device: 'CPU',
  tensors: 2,
  activations: true,
  stale: false,
  provenance,
};
const row = (layer: number, tap: string, absMax: number) => ({
  ...{ layer, tap, columns: 4, rows: 10, absMax, mean: 0, std: 1 },
  ...{ kurtosis: absMax * 2, maxToMeanRatio: 3, channelRatio: 4 },
});
const activations: Activations = {
  taps: [
    { tap: 'attn_in', modules: ['q', 'k'], columns: 4 },
    { tap: 'down_in', modules: ['down'], columns: 8 },
  ],
  rows: [row(0, 'attn_in', 5), row(1, 'attn_in', 6), row(1, 'down_in', 7)],
  massive: [],
  sinks: [],
  expertHits: [],
  provenance,
};
const table = {
  names: ['q0', 'n0', 'k1', 'd1', 'head'],
  modules: ['q', 'q', 'k', 'down', 'output'],
  layers: Int32Array.of(0, 0, 1, 1, -1),
  shapes: [[4, 4], [4], [4, 4], [4, 8], [9, 4]],
} as unknown as TensorTable;
const method = (known: number): ScoreMethod => ({
  ...{ id: 'fisher', name: 'Fisher', formula: 'E[g²]', unit: 'nats', needs: 'text', seconds: 3 },
  ...{ known, of: 2, blocker: null, plans: true },
});

type Answer = (params: never, signal: AbortSignal | undefined) => unknown;

function session(answers: Record<string, Answer>, patch: Partial<ViewState> = {}) {
  const asked: { method: string; params: never }[] = [];
  const heard = new Map<string, (payload: never) => void>();
  const client = {
    call: async (name: string, params: never, signal?: AbortSignal) => {
      asked.push({ method: name, params });
      return answers[name]?.(params, signal) ?? {};
    },
    on: (name: string, listener: (payload: never) => void) => heard.set(name, listener),
  } as unknown as HostClient;
  const state = createStore<SessionState>({
    ...NOTHING,
    ...{ phase: 'ready', path: '/m', figuresVersion: 0, solveMs: 0, notice: null },
    summary: { model: 3, name: 'm', fingerprint: 'f' } as ModelSummary,
    table,
    scores: new Map(),
  });
  const view = createStore<ViewState>({ ...INITIAL_VIEW_STATE, ...patch });
  const tasks = createTaskRunner(state);
  let replans = 0;
  let recalibrations = 0;
  const runs = createModelRuns({
    ...{ client, state, view, tasks },
    moved: () => undefined,
    recalibrated: async () => void recalibrations++,
    planScoreChanged: () => replans++,
  });
  return {
    asked,
    emit: (name: string, payload: unknown) => heard.get(name)?.(payload as never),
    state,
    view,
    tasks,
    runs,
    replans: () => replans,
    recalibrations: () => recalibrations,
  };
}

describe('activation figures', () => {
  const figures = activationFigures(table, activations);

  it('reach tensors by layer and module; vectors and tensors outside layers have none', () => {
    expect([...figures.rowOf]).toEqual([0, -1, 1, 2, -1]);
    expect([...activationColumn(figures, 'absMax')]).toEqual([5, Number.NaN, 6, 7, Number.NaN]);
    expect(activationRow(figures, 3)?.tap).toBe('down_in');
    expect(activationRow(figures, 4)).toBeNull();
    expect([...firstFed(figures)]).toEqual([0, 2, 3]);
  });
});

describe('runs of the model', () => {
  it('load the calibration in use and its activations', async () => {
    const { runs, state } = session({ calibration: () => ({ calibration }), activations: () => activations });
    await runs.load();
    expect(state.get().calibration).toEqual(calibration);
    expect(state.get().activations?.rowOf[3]).toBe(2);
  });

  it('an imported matrix has no activations to ask for', async () => {
    const imported = { ...calibration, kind: 'imported' as const, activations: false };
    const { runs, state, asked } = session({ calibration: () => ({ calibration: imported }) });
    await runs.load();
    expect(asked.map((call) => call.method)).toEqual(['calibration']);
    expect(state.get().activations).toBeNull();
  });

  it('calibrating ends done, cancelled or failed, and progress reaches it', async () => {
    let finish: (value: unknown) => void = () => undefined;
    const waits = () => new Promise((resolve) => (finish = resolve));
    const { runs, state, tasks, recalibrations } = session({ calibrate: waits, activations: () => activations });
    state.get().scores.set('fisher', scoreColumns(5));
    const run = runs.calibrate();
    const event = { task: 'calibration' as const, done: 2, total: 8, message: 'block 2', secondsLeft: 5 };
    tasks.progress(event);
    expect(state.get().tasks.calibration).toMatchObject({ status: 'running', done: 2, total: 8, secondsLeft: 5 });
    finish(calibration);
    await run;
    expect(state.get().tasks.calibration).toMatchObject({ status: 'done', provenance });
    expect(state.get().activations?.all).toEqual(activations);
    // What was scored with other weights of columns is not shown on.
    expect(state.get().scores.size).toBe(0);
    expect(recalibrations()).toBe(1);

    const failing = session({
      calibrate: () => {
        throw new HostFailure({ code: 'CANCELLED', message: 'calibrate cancelled' });
      },
    });
    await failing.runs.calibrate();
    expect(failing.state.get().tasks.calibration.status).toBe('cancelled');
    expect(failing.state.get().calibration).toBeUndefined();
  });

  it('scores stream into columns and are whole once the call ends', async () => {
    const { runs, emit, state, replans } = session(
      {
        score: () => {
          emit('scores', { model: 3, score: 'fisher', rows: [{ tensor: 2, value: 0.5, error: 0.1 }] });
          emit('scores', { model: 9, score: 'fisher', rows: [{ tensor: 3, value: 9, error: 9 }] });
          return { tensors: 2, cached: 0, seconds: 1, provenance };
        },
        scoreMethods: () => ({ methods: [method(2)] }),
      },
      { planScore: 'fisher' },
    );
    addScores(state.get().scores, 5, 'fisher', [{ tensor: 0, value: 7, error: 0 }]);
    await runs.score('fisher');
    // A row of an earlier text does not stand among those of this one.
    expect(state.get().scores.get('fisher')?.values[0]).toBeNaN();
    const columns = state.get().scores.get('fisher');
    expect(columns?.values[2]).toBe(0.5);
    expect(columns?.values[3]).toBeNaN();
    expect(columns?.provenance).toEqual(provenance);
    expect(replans()).toBe(1);
  });

  it('a plan goes on by its score where that is known, and says so where it is not', async () => {
    const known = session(
      {
        scoreMethods: () => ({ methods: [method(2)] }),
        score: () => ({ tensors: 2, cached: 2, seconds: 0, provenance }),
      },
      { planScore: 'fisher' },
    );
    await known.runs.restorePlanScore();
    expect(known.view.get().planScore).toBe('fisher');
    expect(known.asked.map((call) => call.method)).toContain('score');
    const unknown = session({ scoreMethods: () => ({ methods: [method(1)] }) }, { planScore: 'fisher' });
    await unknown.runs.restorePlanScore();
    expect(unknown.view.get().planScore).toBeNull();
    expect(unknown.state.get().notice).toContain('not measured');
    expect(unknown.asked.map((call) => call.method)).toEqual(['scoreMethods']);
  });

  it('plans are measured on the text of the evaluation, sixteen a call', async () => {
    const plans = Array.from({ length: 20 }, (_, i) => ({
      ...{ label: `p${i}`, bytes: 1, bitsPerWeight: 4 },
      code: 'abcdefghijklmno'.charAt(i % 15) + 'ab'.charAt(i / 15),
    }));
    const measured = session({
      measurePlans: ({ plans: some, run }: { plans: typeof plans; run: number }) => {
        const measures = some.map(({ label }) => ({ label, provenance }));
        for (const [plan, measure] of measures.entries()) measured.emit('measured', { model: 3, run, plan, measure });
        return { measures };
      },
    });
    const { runs, asked, view } = measured;
    await runs.measure(plans);
    const calls = asked.filter((call) => call.method === 'measurePlans') as unknown as {
      params: { plans: unknown[]; settings: unknown };
    }[];
    expect(calls.map(({ params }) => params.plans.length)).toEqual([16, 4]);
    expect(calls[0]?.params.settings).toEqual(INITIAL_VIEW_STATE.measureOn);
    expect(view.get().comparison.measures).toHaveLength(20);
  });

  it('plans show as they come: a cancelled run keeps those it had, and its late events are of no other run', async () => {
    const plans = ['Q4_K', 'Q5_K'].map((type) => ({ label: type, bytes: 1, bitsPerWeight: 4, code: type }));
    const runNumbers: number[] = [];
    const measured = session({
      measurePlans: ({ plans: [first], run }: { plans: typeof plans; run: number }) => {
        runNumbers.push(run);
        measured.emit('measured', { model: 3, run, plan: 0, measure: { label: first?.label, provenance } });
        throw new HostFailure({ code: 'CANCELLED', message: 'evaluation cancelled' });
      },
    });
    const { runs, view, emit, state } = measured;
    const labels = () => view.get().comparison.measures.map(({ measure }) => measure.label);
    await runs.measure(plans);
    expect(state.get().tasks.measure.status).toBe('cancelled');
    expect(labels()).toEqual(['Q4_K']);
    await runs.measure(plans.slice(1));
    expect(labels().toSorted()).toEqual(['Q4_K', 'Q5_K']);
    emit('measured', { model: 3, run: runNumbers[0], plan: 0, measure: { label: 'late', provenance } });
    emit('measured', { model: 4, run: runNumbers[1], plan: 0, measure: { label: 'of another model', provenance } });
    expect(labels()).not.toContain('late');
    expect(labels()).not.toContain('of another model');
  });

  it('a dismissed dialog imports nothing', async () => {
    const { runs, asked, state } = session({ pickFile: () => ({ path: null }) });
    await runs.importMatrix();
    expect(asked.map((call) => call.method)).toEqual(['pickFile']);
    expect(state.get().tasks.calibration.status).toBe('idle');
  });
});

describe('score columns', () => {
  it('count each tensor once and leave out tensors that do not exist', () => {
    const scores: Scores = new Map();
    const rows = [
      { tensor: 1, value: 2, error: Number.NaN, curve: [1, 2] },
      { tensor: 7, value: 3, error: 0 },
    ];
    addScores(scores, 4, 'propagatedError', rows);
    addScores(scores, 4, 'propagatedError', [{ tensor: 1, value: 4, error: 0.5 }]);
    const columns = scores.get('propagatedError');
    expect(columns?.filled).toBe(1);
    expect([...(columns?.values ?? [])]).toEqual([Number.NaN, 4, Number.NaN, Number.NaN]);
    expect(columns?.curves.get(1)).toEqual([1, 2]);
  });
});

describe('whole numbers', () => {
  it('are read as people type them, within their bounds', () => {
    expect(parseWhole(' 8 192 ', 8, 32768)).toBe(8192);
    expect(parseWhole('8k', 8, 32768)).toBe(8192);
    expect(parseWhole('8,192', 8, 32768)).toBe(8192);
    for (const wrong of ['', '7', '32769', '1.5', '-8', '1e3', 'k', '8kk', '99999999999999999999']) {
      expect(parseWhole(wrong, 8, 32768), wrong).toBeNull();
    }
  });
});

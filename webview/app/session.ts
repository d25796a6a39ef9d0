// One model on screen: opens it, collects streamed figures, keeps the plan solved. Views read, this file asks.

import { type Event, PROTOCOL_VERSION } from '../../core/protocol/calls.ts';
import { spellFigures } from '../../core/protocol/figures.ts';
import type { Plan, PlanRequest } from '../../core/protocol/plan.ts';
import { PLAN_VERSION } from '../../core/protocol/plan.ts';
import { createEnergyReader } from './energyReader.ts';
import { createExplainer, solutionOf } from './explainer.ts';
import type { HostClient } from './hostClient.ts';
import { failureOf, isCancelled } from './hostFailure.ts';
import { latestOnly } from './latestOnly.ts';
import { createModelRuns, type ModelRuns } from './modelRuns.ts';
import { feasibleInterval, NOTHING, type SessionState, type TaskName } from './sessionState.ts';
import { createStore, type Store } from './store.ts';
import { createTaskRunner } from './taskRunner.ts';
import { addDamages, addStatistics, damageColumns, statisticsColumns } from './tensorFigures.ts';
import {
  fitViewState,
  IMPORTANCE_LENSES,
  INITIAL_VIEW_STATE,
  parseViewState,
  steered,
  type ViewState,
  type ViewSubject,
  WEIGHT_LENSES,
} from './viewState.ts';

/** Below this, sensitivity is a matter of seconds and starts by itself. */
export const AUTO_SENSITIVITY_PARAMETERS = 200e6;
/** What `npm start` plans with; the budget a first look begins at. */
const FIRST_BITS_PER_WEIGHT = 4.5;
const PARETO_DELAY_MS = 120;
const SAVE_DELAY_MS = 250;

export interface Session {
  readonly client: HostClient;
  readonly state: Store<SessionState>;
  readonly view: Store<ViewState>;
  readonly runs: ModelRuns;
  start(): Promise<void>;
  reopen(): Promise<void>;
  runStatistics(): Promise<void>;
  runSensitivity(): Promise<void>;
  cancel(task: TaskName): void;
  /** Fetches the reasons of the plan shown, once it rests; for whoever shows one. */
  explain(): void;
  /** The plan with its reasons, asked for when they are not there yet; null when there is none. */
  plan(): Promise<Plan | null>;
  checkExport(): Promise<void>;
  runExport(overwrite: boolean): Promise<void>;
  dismissNotice(): void;
}

export function createSession(
  client: HostClient,
  memory: { loadState(): string | null; storeState(state: string): void },
): Session {
  const state = createStore<SessionState>({
    phase: 'opening',
    path: '',
    figuresVersion: 0,
    solveMs: 0,
    notice: null,
    ...NOTHING,
  });
  const view = createStore<ViewState>(INITIAL_VIEW_STATE);
  const tasks = createTaskRunner(state);
  let opening: AbortController | null = null;
  let figuresQueued = false;
  let restored = false;
  let awaited: Event<'show'> | null = null;
  let firstBitsPerWeight = FIRST_BITS_PER_WEIGHT;
  let saveTimer: ReturnType<typeof setTimeout> | undefined;
  let paretoTimer: ReturnType<typeof setTimeout> | undefined;
  let paretoCall: AbortController | null = null;

  const modelId = (): number | null => state.get().summary?.model ?? null;
  const isImportance = (): boolean => (state.get().summary?.imatrix ?? null) !== null;

  const solver = latestOnly(
    async (request: PlanRequest, signal: AbortSignal) => {
      const model = modelId();
      if (model === null) throw new Error('no model is open');
      const began = performance.now();
      const preview = await client.call('preview', { model, request }, signal);
      const names = state.get().table?.names ?? [];
      return { solution: solutionOf(preview, names), ms: performance.now() - began };
    },
    ({ solution, ms }, request) =>
      state.set({
        solution,
        explained: false,
        solvedRequest: request,
        solveFailure: null,
        solveMs: ms,
        preflight: null,
      }),
    (error) => state.set({ solveFailure: failureOf(error) }),
  );

  const runs = createModelRuns({
    ...{ client, state, view, tasks },
    moved: figuresMoved,
    planScoreChanged: replan,
    async recalibrated() {
      // Who has not asked for damages yet does not get them now.
      const { status } = state.get().tasks.sensitivity;
      if (status === 'done' || status === 'running') await runSensitivity();
    },
  });
  const explainer = createExplainer(client, state, modelId);
  const energyReader = createEnergyReader(client, state, figuresMoved);

  const subject = (): ViewSubject => {
    const { table, summary } = state.get();
    const lenses = isImportance() ? IMPORTANCE_LENSES : WEIGHT_LENSES;
    return { tensorCount: table?.names.length ?? 0, lenses, fingerprint: summary?.fingerprint ?? '' };
  };

  client.on('statistics', ({ model, rows }) => {
    if (model !== modelId()) return;
    addStatistics(state.get().statistics, rows);
    figuresMoved();
  });
  client.on('sensitivity', ({ model, rows }) => {
    if (model !== modelId()) return;
    addDamages(state.get().damages, rows);
    figuresMoved();
  });
  client.on('progress', ({ model, ...event }) => {
    if (model === null || model === modelId()) tasks.progress(event);
  });
  client.on('changed', ({ model, message }) => {
    if (model === modelId()) state.set({ stale: message });
  });
  client.on('engineRestarted', ({ message }) => {
    state.set({ notice: message });
    void reopen();
  });
  client.on('show', (wanted) => {
    // Before the model is open, the restored state would cover what was asked for.
    if (restored) view.set((current) => steered(current, wanted, subject()));
    else awaited = wanted;
  });

  let seen = view.get();
  view.subscribe(() => {
    const now = view.get();
    const before = seen;
    seen = now;
    if (!restored) return;
    clearTimeout(saveTimer);
    saveTimer = setTimeout(save, SAVE_DELAY_MS);
    if (state.get().tasks.sensitivity.status !== 'done') return;
    const rulesMoved =
      now.choices !== before.choices ||
      now.locks !== before.locks ||
      now.pins !== before.pins ||
      now.minimums !== before.minimums ||
      now.planScore !== before.planScore;
    if (rulesMoved) askPareto();
    if (rulesMoved || now.targetBytes !== before.targetBytes) askSolve();
  });

  function save(): void {
    // Measures may hold figures that JSON cannot say.
    const text = JSON.stringify(spellFigures(view.get()));
    memory.storeState(text);
    client.call('saveState', { state: text }).catch(() => undefined);
  }

  /** Rows arrive in many small batches; the screen needs one redraw a frame. */
  function figuresMoved(): void {
    if (figuresQueued) return;
    figuresQueued = true;
    requestAnimationFrame(() => {
      figuresQueued = false;
      state.set((s) => ({ figuresVersion: s.figuresVersion + 1 }));
    });
  }

  async function start(): Promise<void> {
    try {
      const hello = await client.call('ready', {});
      if (hello.protocol !== PROTOCOL_VERSION) {
        const message = `this view speaks protocol ${PROTOCOL_VERSION}, the extension ${hello.protocol}: reload the window`;
        state.set({ phase: 'failed', failure: { code: 'PROTOCOL', message } });
        return;
      }
      // The host's copy is written at once; the webview's own only every few seconds.
      const saved = parseViewState(hello.state) ?? parseViewState(memory.loadState());
      if (saved !== null) view.set(saved);
      else if (hello.defaults !== undefined) view.set({ choices: hello.defaults.choices });
      firstBitsPerWeight = hello.defaults?.targetBitsPerWeight ?? FIRST_BITS_PER_WEIGHT;
      state.set({ path: hello.path });
    } catch (error) {
      state.set({ phase: 'failed', failure: failureOf(error) });
      return;
    }
    await reopen();
  }

  async function reopen(): Promise<void> {
    opening?.abort();
    const mine = new AbortController();
    opening = mine;
    tasks.cancelAll();
    runs.cancel();
    solver.cancel();
    explainer.cancel();
    energyReader.cancel();
    paretoCall?.abort();
    state.set({ phase: 'opening', ...NOTHING });
    try {
      const summary = await client.call('open', { path: state.get().path }, mine.signal);
      const table = await client.call('tensors', { model: summary.model }, mine.signal);
      state.set({ summary, table });
      view.set((current) => fitViewState(current, subject()));
      const wanted = awaited;
      awaited = null;
      if (wanted !== null) view.set((current) => steered(current, wanted, subject()));
      restored = true;
      state.set({
        phase: 'ready',
        energy: new Float64Array(table.names.length).fill(Number.NaN),
        statistics: statisticsColumns(table.names.length),
        damages: damageColumns(table.names.length),
        scores: new Map(),
      });
    } catch (error) {
      if (opening === mine) state.set({ phase: 'failed', failure: failureOf(error) });
      return;
    }
    // Alongside: neither waits for the other.
    if (!isImportance()) void runs.load();
    await runStatistics();
  }

  async function runStatistics(): Promise<void> {
    const model = modelId();
    if (model === null) return;
    const finished = await tasks.run('statistics', 'reading tensors', async (signal) => {
      const { cached, seconds, provenance } = await client.call('statistics', { model }, signal);
      return { cached, seconds, provenance };
    });
    const importance = isImportance();
    if (importance && finished) await energyReader.read();
    // An importance matrix holds nothing to quantize.
    if (importance) return;
    // Who cancels one does not want the next to begin.
    const small = (state.get().summary?.parameters ?? 0) < AUTO_SENSITIVITY_PARAMETERS;
    const plannable = state.get().table?.quantizable.includes(1) === true;
    if (finished && small && plannable && state.get().tasks.sensitivity.status === 'idle') await runSensitivity();
  }

  async function runSensitivity(): Promise<void> {
    const model = modelId();
    if (model === null) return;
    const finished = await tasks.run('sensitivity', 'quantizing every tensor to every type', async (signal) => {
      const { cached, seconds, provenance } = await client.call('sensitivity', { model }, signal);
      return { cached, seconds, provenance };
    });
    if (!finished) return;
    await runs.restorePlanScore();
    const summary = state.get().summary;
    if (view.get().targetBytes === null && summary !== null) {
      view.set({ targetBytes: Math.max(1, Math.round((summary.parameters * firstBitsPerWeight) / 8)) });
    } else askSolve();
    askPareto();
  }

  function request(): PlanRequest | null {
    const { targetBytes, choices, locks, pins, minimums, planScore } = view.get();
    if (targetBytes === null || choices.length === 0) return null;
    return { targetBytes, choices, locks, pins, minimums, ...(planScore === null ? {} : { score: planScore }) };
  }

  function replan(): void {
    askSolve();
    askPareto();
  }

  function askSolve(): void {
    const wanted = request();
    if (wanted === null) return;
    explainer.cancel();
    solver.request(wanted);
  }

  function askPareto(): void {
    clearTimeout(paretoTimer);
    paretoTimer = setTimeout(async () => {
      const model = modelId();
      const wanted = request();
      if (model === null || wanted === null) return;
      paretoCall?.abort();
      const mine = new AbortController();
      paretoCall = mine;
      try {
        const pareto = await client.call('pareto', { model, request: wanted }, mine.signal);
        state.set({ pareto });
        keepTargetFeasible();
      } catch (error) {
        const failure = failureOf(error);
        if (!isCancelled(failure)) state.set({ solveFailure: failure });
      }
    }, PARETO_DELAY_MS);
  }

  /** A first target is a guess; the curve's ends say what is possible. */
  function keepTargetFeasible(): void {
    const interval = feasibleInterval(state.get());
    const target = view.get().targetBytes;
    if (interval === null || target === null) return;
    const clamped = Math.min(interval.maxBytes, Math.max(interval.minBytes, target));
    if (clamped !== target) view.set({ targetBytes: clamped });
  }

  async function plan(): Promise<Plan | null> {
    await explainer.now();
    const { summary, solution, solvedRequest, explained } = state.get();
    if (summary === null || solution === null || solvedRequest === null || !explained) return null;
    const model = { name: summary.name, fingerprint: summary.fingerprint };
    return { kind: 'quantscope.plan', version: PLAN_VERSION, model, request: solvedRequest, solution };
  }

  async function checkExport(): Promise<void> {
    const model = modelId();
    const { exportFormat, output, rounding } = view.get();
    try {
      const document = output === '' ? null : await plan();
      if (model === null || document === null) {
        state.set({ preflight: null, preflightFailure: null });
        return;
      }
      const preflight = await client.call('preflight', {
        ...{ model, plan: document, format: exportFormat, output },
        rounding: rounding ?? undefined,
      });
      state.set({ preflight, preflightFailure: null });
    } catch (error) {
      state.set({ preflight: null, preflightFailure: failureOf(error) });
    }
  }

  async function runExport(overwrite: boolean): Promise<void> {
    const model = modelId();
    const { exportFormat, output, rounding } = view.get();
    if (model === null || output === '' || state.get().solution === null) return;
    state.set({ exported: null });
    await tasks.run('export', 'starting', async (signal) => {
      const document = await plan();
      if (document === null) throw new Error('the plan changed while the export was starting');
      const wish = { plan: document, format: exportFormat, output, overwrite, rounding: rounding ?? undefined };
      const exported = await client.call('export', { model, ...wish }, signal);
      state.set({ exported });
      return { seconds: exported.seconds };
    });
  }

  return {
    client,
    state,
    view,
    runs,
    start,
    reopen,
    runStatistics,
    runSensitivity,
    cancel: tasks.cancel,
    explain: () => explainer.soon(),
    plan,
    checkExport,
    runExport,
    dismissNotice: () => state.set({ notice: null }),
  };
}

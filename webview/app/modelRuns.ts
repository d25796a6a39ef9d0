// Everything that runs the model on text: calibration, activations, scores, measured plans. Views read, this file asks.

import type { Calibration, Rival, ScoreId } from '../../core/protocol/calibration.ts';
import type { PlanRequest } from '../../core/protocol/plan.ts';
import { activationFigures } from './activationFigures.ts';
import type { HostClient } from './hostClient.ts';
import { failureOf, isCancelled } from './hostFailure.ts';
import { addMeasures, calibrationKey, type MeasureBasis } from './keptPlans.ts';
import { latestOnly } from './latestOnly.ts';
import { addScores, scoreColumns } from './scoreColumns.ts';
import type { SessionState } from './sessionState.ts';
import type { Store } from './store.ts';
import type { TaskRunner } from './taskRunner.ts';
import type { ViewState } from './viewState.ts';

/** One call measures at most so many plans (zod schema of measurePlans). */
const MOST_PLANS = 16;

export interface ModelRuns {
  /** The calibration in use and its activations, as they lie on disk. */
  load(): Promise<void>;
  calibrate(): Promise<void>;
  /** Lets the user choose a file and takes it for the calibration. */
  importMatrix(): Promise<void>;
  /** @returns where it was written, or null when the user dismissed the dialog */
  exportMatrix(): Promise<string | null>;
  /** Which scores there are, what they would take, which are known. */
  refreshMethods(): void;
  score(id: ScoreId): Promise<void>;
  /** Reads the score the plan spends bits by; a plan whose score is not known goes by the weights again. */
  restorePlanScore(): Promise<void>;
  refreshRivals(request: PlanRequest): void;
  measure(plans: readonly Rival[]): Promise<void>;
  cancel(): void;
}

export interface ModelRunsOptions {
  readonly client: HostClient;
  readonly state: Store<SessionState>;
  readonly view: Store<ViewState>;
  readonly tasks: TaskRunner;
  /** Figures of the grid were filled in. */
  moved(): void;
  /** Columns weigh differently now: damages known so far are those of another calibration. */
  recalibrated(): Promise<void>;
  /** The score the plan goes by is another one now. */
  planScoreChanged(): void;
}

export function createModelRuns(options: ModelRunsOptions): ModelRuns {
  const { client, state, view, tasks, moved, recalibrated, planScoreChanged } = options;
  const modelId = (): number | null => state.get().summary?.model ?? null;

  client.on('scores', ({ model, score, rows }) => {
    const { summary, table, scores } = state.get();
    if (model !== summary?.model || table === null) return;
    addScores(scores, table.names.length, score, rows);
    moved();
  });

  /** The plans being measured; events of a run before it are late and say nothing of them. */
  let measuring: { readonly run: number; readonly plans: readonly Rival[]; readonly basis: MeasureBasis } | null = null;
  let runs = 0;

  client.on('measured', ({ model, run, plan, measure }) => {
    const measured = run === measuring?.run ? measuring.plans[plan] : undefined;
    if (model !== modelId() || measuring === null || measured === undefined) return;
    const { basis } = measuring;
    view.set((v) => ({ comparison: addMeasures(v.comparison, [measured], [measure], basis) }));
  });

  const methods = latestOnly(
    async (model: number, signal: AbortSignal) =>
      client.call('scoreMethods', { model, settings: view.get().calibrateOn }, signal),
    (answer) => state.set({ scoreMethods: answer.methods, scoreMethodsFailure: null }),
    (error) => state.set({ scoreMethodsFailure: failureOf(error) }),
  );

  const rivals = latestOnly(
    async (wanted: { model: number; request: PlanRequest }, signal: AbortSignal) =>
      client.call('rivals', wanted, signal),
    (answer) => state.set({ rivals: answer.rivals, rivalsFailure: null }),
    (error) => state.set({ rivalsFailure: failureOf(error) }),
  );

  function refreshMethods(): void {
    const model = modelId();
    if (model !== null) methods.request(model);
  }

  async function loadActivations(signal?: AbortSignal): Promise<void> {
    const { summary, table, calibration } = state.get();
    if (summary === null || table === null) return;
    if (calibration?.activations !== true) {
      state.set({ activations: null, activationsFailure: null });
      return;
    }
    try {
      const answer = await client.call('activations', { model: summary.model }, signal);
      if (state.get().table !== table) return;
      state.set({ activations: activationFigures(table, answer), activationsFailure: null });
      moved();
    } catch (error) {
      const failure = failureOf(error);
      if (!isCancelled(failure)) state.set({ activations: null, activationsFailure: failure });
    }
  }

  async function calibrated(message: string, ask: (model: number, signal: AbortSignal) => Promise<Calibration>) {
    const model = modelId();
    if (model === null) return;
    const finished = await tasks.run('calibration', message, async (signal) => {
      const calibration = await ask(model, signal);
      state.set({ calibration, calibrationFailure: null, scores: new Map() });
      return { provenance: calibration.provenance };
    });
    if (!finished) return;
    await loadActivations();
    refreshMethods();
    await recalibrated();
  }

  async function score(id: ScoreId): Promise<void> {
    const model = modelId();
    if (model === null) return;
    const settings = view.get().calibrateOn;
    // What is there may be of another text; what is known of this one arrives first.
    state.get().scores.delete(id);
    moved();
    const finished = await tasks.run('score', 'preparing', async (signal) => {
      const { cached, seconds, provenance } = await client.call('score', { model, score: id, settings }, signal);
      const { scores, table } = state.get();
      const columns = scores.get(id) ?? scoreColumns(table?.names.length ?? 0);
      columns.provenance = provenance;
      scores.set(id, columns);
      moved();
      return { cached, seconds, provenance };
    });
    refreshMethods();
    if (finished && view.get().planScore === id) planScoreChanged();
  }

  return {
    async load() {
      const model = modelId();
      if (model === null) return;
      try {
        const { calibration } = await client.call('calibration', { model });
        if (modelId() === model) state.set({ calibration, calibrationFailure: null });
      } catch (error) {
        const failure = failureOf(error);
        if (!isCancelled(failure) && modelId() === model) state.set({ calibration: null, calibrationFailure: failure });
      }
      await loadActivations();
    },
    calibrate: () =>
      calibrated('reading the text', (model, signal) =>
        client.call('calibrate', { model, settings: view.get().calibrateOn }, signal),
      ),
    async importMatrix() {
      const { path } = await client.call('pickFile', { kind: 'imatrix' });
      if (path === null) return;
      await calibrated('reading the importance matrix', (model, signal) =>
        client.call('importImatrix', { model, path }, signal),
      );
    },
    async exportMatrix() {
      const { summary } = state.get();
      if (summary === null) return null;
      const suggestedName = `${summary.name.replaceAll(/[^\w.-]+/g, '-')}.imatrix.gguf`;
      const { path } = await client.call('pickOutput', { format: 'imatrix', suggestedName });
      if (path === null) return null;
      // The dialog has asked about a file that is there already.
      const { output } = await client.call('exportImatrix', { model: summary.model, output: path, overwrite: true });
      return output;
    },
    refreshMethods,
    score,
    async restorePlanScore() {
      const model = modelId();
      const { planScore, calibrateOn } = view.get();
      if (model === null || planScore === null || state.get().scores.get(planScore)?.provenance != null) return;
      try {
        const answer = await client.call('scoreMethods', { model, settings: calibrateOn });
        state.set({ scoreMethods: answer.methods, scoreMethodsFailure: null });
        const method = answer.methods.find(({ id }) => id === planScore);
        if (method !== undefined && method.of > 0 && method.known === method.of) {
          await score(planScore);
          return;
        }
      } catch (error) {
        state.set({ scoreMethodsFailure: failureOf(error) });
      }
      view.set({ planScore: null });
      state.set({
        notice:
          'The score the plan went by is not measured with the present calibration: it goes by errors of the weights.',
      });
    },
    refreshRivals(request) {
      const model = modelId();
      if (model !== null) rivals.request({ model, request });
    },
    async measure(plans) {
      const model = modelId();
      if (model === null || plans.length === 0) return;
      const settings = view.get().measureOn;
      const basis = { settings, calibration: calibrationKey(state.get().calibration) };
      await tasks.run('measure', 'running the original', async (signal) => {
        let provenance = null;
        for (let first = 0; first < plans.length; first += MOST_PLANS) {
          const some = plans.slice(first, first + MOST_PLANS);
          const run = ++runs;
          measuring = { run, plans: some, basis };
          const { measures } = await client.call('measurePlans', { model, plans: some, settings, run }, signal);
          provenance = measures.at(-1)?.provenance ?? provenance;
        }
        return { provenance };
      });
    },
    cancel() {
      methods.cancel();
      rivals.cancel();
    },
  };
}

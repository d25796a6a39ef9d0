// Plans follow the slider without their reasons; these are fetched when something shows one or a document needs them.

import { type Assignment, type Preview, type Solution, UNPLANNED } from '../../core/protocol/plan.ts';
import type { HostClient } from './hostClient.ts';
import { failureOf, isCancelled } from './hostFailure.ts';
import type { SessionState } from './sessionState.ts';
import type { Store } from './store.ts';
import { TARGETS } from './tensorFigures.ts';

const REST_MS = 200;

export interface Explainer {
  /** Asks after a rest. */
  soon(): void;
  /** Asks at once unless the plan is explained; rejects as the call does. */
  now(): Promise<void>;
  cancel(): void;
}

export function createExplainer(
  client: HostClient,
  state: Store<SessionState>,
  modelId: () => number | null,
): Explainer {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running: { controller: AbortController; done: Promise<void> } | null = null;

  async function ask(signal: AbortSignal): Promise<void> {
    const model = modelId();
    const { solvedRequest } = state.get();
    if (model === null || solvedRequest === null) return;
    const { solveMs: _, ...solution } = await client.call('solve', { model, request: solvedRequest }, signal);
    // A newer plan may have arrived meanwhile.
    if (state.get().solvedRequest === solvedRequest) state.set({ solution, explained: true });
  }

  function now(): Promise<void> {
    clearTimeout(timer);
    if (state.get().explained) return Promise.resolve();
    if (running !== null) return running.done;
    const controller = new AbortController();
    const mine = { controller, done: ask(controller.signal) };
    running = mine;
    const end = (): void => {
      if (running === mine) running = null;
    };
    mine.done.then(end, end);
    return mine.done;
  }

  return {
    soon() {
      clearTimeout(timer);
      if (state.get().explained) return;
      timer = setTimeout(() => {
        now().catch((error: unknown) => {
          const failure = failureOf(error);
          if (!isCancelled(failure)) state.set({ solveFailure: failure });
        });
      }, REST_MS);
    },
    now,
    cancel() {
      clearTimeout(timer);
      running?.controller.abort();
      running = null;
    },
  };
}

/** The preview as a solution whose reasons are still empty. */
export function solutionOf(preview: Preview, names: readonly string[]): Solution {
  const { types, tensorBytes, relativeErrors, damages, solveMs: _, ...totals } = preview;
  const tensors: [string, Assignment][] = [];
  types.forEach((code, t) => {
    const type = code === UNPLANNED ? undefined : TARGETS[code];
    if (type === undefined) return;
    const assigned: Assignment = {
      type,
      bytes: tensorBytes[t] ?? 0,
      relativeError: relativeErrors[t] ?? Number.NaN,
      damage: damages[t] ?? Number.NaN,
      why: '',
    };
    tensors.push([names[t] ?? '', assigned]);
  });
  // fromEntries, not assignment: a tensor may be called __proto__.
  return { ...totals, tensors: Object.fromEntries(tensors) };
}

// Long calls as tasks of the session: one of each kind at a time, progress while it runs, every way it can end drawn.

import type { Event } from '../../core/protocol/calls.ts';
import { failureOf, isCancelled } from './hostFailure.ts';
import { IDLE, type SessionState, type Task, type TaskName } from './sessionState.ts';
import type { Store } from './store.ts';

/** Whose progress an event tells, likeliest first: scores and measured plans calibrate and evaluate on their way. */
const TASKS_OF: Readonly<Record<Event<'progress'>['task'], readonly TaskName[]>> = {
  statistics: ['statistics'],
  sensitivity: ['sensitivity', 'score', 'measure'],
  export: ['export'],
  verify: ['export'],
  evaluation: ['measure', 'score', 'calibration'],
  calibration: ['calibration', 'score', 'measure'],
};

export interface TaskRunner {
  /** Runs one cancellable task; true when it was finished. A newer run of the same task takes its place. */
  run(name: TaskName, message: string, work: (signal: AbortSignal) => Promise<Partial<Task>>): Promise<boolean>;
  progress(event: Omit<Event<'progress'>, 'model'>): void;
  cancel(name: TaskName): void;
  cancelAll(): void;
}

export function createTaskRunner(state: Store<SessionState>): TaskRunner {
  const running = new Map<TaskName, AbortController>();

  function set(name: TaskName, patch: Partial<Task>): void {
    state.set((s) => ({ tasks: { ...s.tasks, [name]: { ...s.tasks[name], ...patch } } }));
  }

  return {
    async run(name, message, work) {
      running.get(name)?.abort();
      const controller = new AbortController();
      running.set(name, controller);
      set(name, { ...IDLE, status: 'running', message });
      let end: Partial<Task>;
      try {
        end = { status: 'done', ...(await work(controller.signal)) };
      } catch (error) {
        const failure = failureOf(error);
        end = isCancelled(failure) ? { status: 'cancelled' } : { status: 'failed', failure };
      }
      // A newer run of the same task owns the state by now.
      if (running.get(name) !== controller) return false;
      running.delete(name);
      set(name, end);
      return end.status === 'done';
    },
    progress({ task, done, total, message, secondsLeft }) {
      const name = TASKS_OF[task].find((candidate) => running.has(candidate));
      if (name !== undefined) set(name, { done, total, message, secondsLeft });
    },
    cancel: (name) => running.get(name)?.abort(),
    cancelAll() {
      for (const controller of running.values()) controller.abort();
      running.clear();
    },
  };
}

// Every long call anyone has running, so that the status bar can show it and one command can cancel it.

export const LONG_CALLS = [
  'statistics',
  'sensitivity',
  'calibrate',
  'score',
  'measurePlans',
  'tokenMap',
  'export',
  'verify',
] as const;
export type LongCall = (typeof LONG_CALLS)[number];

export function isLongCall(name: string): name is LongCall {
  return (LONG_CALLS as readonly string[]).includes(name);
}

export class RunningCalls {
  readonly #running = new Map<AbortController, LongCall>();
  readonly #listeners = new Set<() => void>();

  /** What runs now, oldest first. */
  get names(): readonly LongCall[] {
    return [...this.#running.values()];
  }

  /** Counts `work` as running until it settles; aborting `controller` (by whoever) is up to the work to honour. */
  async track<T>(name: LongCall, controller: AbortController, work: Promise<T>): Promise<T> {
    this.#running.set(controller, name);
    this.#changed();
    try {
      return await work;
    } finally {
      this.#running.delete(controller);
      this.#changed();
    }
  }

  cancelAll(): void {
    for (const controller of this.#running.keys()) controller.abort();
  }

  onChange(listener: () => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

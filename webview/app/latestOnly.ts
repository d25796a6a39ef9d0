// Coalesces requests: at most one in flight, the latest waiting one wins, older waiting ones never run.

export interface LatestOnly<P> {
  request(params: P): void;
  /** Drops what waits and aborts what runs. */
  cancel(): void;
  readonly busy: boolean;
}

/**
 * @param run     one call; its signal aborts only on `cancel`, so every finished answer is shown while dragging
 * @param onDone  gets every answer in order; `latest` is false while a newer request already waits
 */
export function latestOnly<P, R>(
  run: (params: P, signal: AbortSignal) => Promise<R>,
  onDone: (result: R, params: P, latest: boolean) => void,
  onFailed: (error: unknown, params: P) => void,
): LatestOnly<P> {
  let waiting: { params: P } | null = null;
  let active: AbortController | null = null;

  async function start(params: P): Promise<void> {
    const controller = new AbortController();
    active = controller;
    try {
      const result = await run(params, controller.signal);
      if (!controller.signal.aborted) onDone(result, params, waiting === null);
    } catch (error) {
      if (!controller.signal.aborted) onFailed(error, params);
    }
    if (active !== controller) return;
    active = null;
    const next = waiting;
    waiting = null;
    if (next !== null) void start(next.params);
  }

  return {
    request(params) {
      if (active === null) void start(params);
      else waiting = { params };
    },
    cancel() {
      waiting = null;
      active?.abort();
      active = null;
    },
    get busy() {
      return active !== null;
    },
  };
}

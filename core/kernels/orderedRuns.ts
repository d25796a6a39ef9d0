// Many pool tasks whose results are wanted in order, with a bounded number under way.

import { throwIfCancelled } from '../base/cancellation.ts';
import type { Pool } from './pool.ts';

/** Keeps every worker busy while the oldest result is written. */
const SPARE_TASKS = 2;

/** Yields one result per input, in order. Leaving the loop early stops what is under way. */
export async function* orderedRuns<Input, Output>(
  pool: Pool,
  task: string,
  inputs: Iterable<Input>,
  signal?: AbortSignal,
): AsyncGenerator<Output, void, undefined> {
  const stop = new AbortController();
  const forward = (): void => stop.abort();
  signal?.addEventListener('abort', forward, { once: true });
  const running: Promise<Output>[] = [];
  try {
    for (const input of inputs) {
      throwIfCancelled(signal, task);
      const run = pool.run<Output>(task, input, { signal: stop.signal });
      run.catch(() => undefined); // told by the await below; this keeps an earlier failure from being "unhandled"
      running.push(run);
      if (running.length >= pool.threads + SPARE_TASKS) yield await (running.shift() as Promise<Output>);
    }
    for (const run of running) yield await run;
  } finally {
    stop.abort();
    signal?.removeEventListener('abort', forward);
    await Promise.allSettled(running);
  }
}

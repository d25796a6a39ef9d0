// Progress with an estimate of the time left, at most ten times a second.

import type { Event } from '../protocol/calls.ts';

const MIN_INTERVAL_MS = 100;
/** Before this share is done, an estimate would only jump about. */
const MIN_SHARE_FOR_ESTIMATE = 0.02;

export type ProgressEvent = Event<'progress'>;
export type ReportProgress = (done: number, total: number, message: string) => void;

/** @param emit receives the throttled events; the last one (done = total) always gets through. */
export function progressReporter(
  model: number | null,
  task: ProgressEvent['task'],
  emit: (event: ProgressEvent) => void,
  now: () => number = performance.now.bind(performance),
): ReportProgress {
  const began = now();
  let last = Number.NEGATIVE_INFINITY;
  return (done, total, message) => {
    const at = now();
    if (done < total && at - last < MIN_INTERVAL_MS) return;
    last = at;
    const share = total > 0 ? done / total : 1;
    const secondsLeft = share >= MIN_SHARE_FOR_ESTIMATE ? ((at - began) / 1000) * (1 / share - 1) : null;
    emit({ model, task, done, total, message, secondsLeft });
  };
}

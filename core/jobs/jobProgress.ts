// How far a runner is, as its heartbeat tells it.

import type { Progress } from './heartbeat.ts';

/** Before this share of the rest is done, an estimate would only jump about. */
const MIN_SHARE_FOR_ESTIMATE = 0.02;

export class JobProgress {
  readonly #listen: (progress: Progress) => void;
  #began = performance.now();
  #skippedBytes = 0;
  #now: Progress = { phase: 'preparing', doneBytes: 0, totalBytes: 0, message: '', secondsLeft: null };

  constructor(listen: (progress: Progress) => void = () => {}) {
    this.#listen = listen;
  }

  /** Milliseconds its GPU has been busy so far; null without one. */
  gpuBusyMs: () => number | null = () => null;

  get now(): Progress {
    return this.#now;
  }

  /** @param skippedBytes that count as done and took no time */
  enter(phase: Progress['phase'], skippedBytes = 0): void {
    this.#began = performance.now();
    this.#skippedBytes = skippedBytes;
    this.#tell({ phase, doneBytes: skippedBytes, totalBytes: 0, message: '', secondsLeft: null });
  }

  report(doneBytes: number, totalBytes: number, message: string): void {
    const share = (doneBytes - this.#skippedBytes) / Math.max(1, totalBytes - this.#skippedBytes);
    const seconds = (performance.now() - this.#began) / 1000;
    const secondsLeft = share >= MIN_SHARE_FOR_ESTIMATE ? seconds * (1 / share - 1) : null;
    this.#tell({ phase: this.#now.phase, doneBytes, totalBytes, message, secondsLeft });
  }

  #tell(progress: Progress): void {
    this.#now = progress;
    this.#listen(progress);
  }
}

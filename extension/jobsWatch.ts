// Every job of this user as the engine tells it, asked again only as often as somebody looks and something happens.

import type { JobStatus } from '../core/protocol/jobs.ts';
import { isActive } from './jobsText.ts';

export interface Attention {
  /** A job runs or waits. */
  readonly active: boolean;
  /** The list of jobs is on screen. */
  readonly visible: boolean;
  /** The window is the one being worked in. */
  readonly focused: boolean;
}

/** A runner tells its progress once a second. */
const LIVELY_MS = 1000;
/** Jobs started from a shell appear in an open list without being asked for. */
const IDLE_MS = 5000;

/** Milliseconds until the next look; null when nobody would notice. */
export function pollDelay({ active, visible, focused }: Attention): number | null {
  if (active) return focused ? LIVELY_MS : IDLE_MS;
  return visible && focused ? IDLE_MS : null;
}

export interface JobsWatchOptions {
  list(): Promise<JobStatus[]>;
  attention(): Omit<Attention, 'active'>;
  /** Told once per failure in a row. */
  failed(error: unknown): void;
}

export class JobsWatch {
  readonly #options: JobsWatchOptions;
  readonly #listeners = new Set<(jobs: readonly JobStatus[]) => void>();
  #jobs: readonly JobStatus[] = [];
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #failing = false;
  #disposed = false;

  constructor(options: JobsWatchOptions) {
    this.#options = options;
  }

  /** As of the last look, newest first. */
  get jobs(): readonly JobStatus[] {
    return this.#jobs;
  }

  get active(): readonly JobStatus[] {
    return this.#jobs.filter(isActive);
  }

  find(folder: string): JobStatus | undefined {
    return this.#jobs.find((job) => job.folder === folder);
  }

  /** After every look. */
  onLook(listener: (jobs: readonly JobStatus[]) => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  /** Looks now; what is asked for during a look is answered by another one after it. */
  refresh(): Promise<void> {
    if (this.#looking !== undefined) {
      this.#lookAgain = true;
      return this.#looking;
    }
    clearTimeout(this.#timer);
    this.#looking = this.#look().finally(() => {
      this.#looking = undefined;
      this.#schedule();
    });
    return this.#looking;
  }

  /** Attention has changed: the next look may be due sooner. */
  attend(): void {
    if (this.#looking === undefined) this.#schedule();
  }

  dispose(): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  async #look(): Promise<void> {
    do {
      this.#lookAgain = false;
      try {
        this.#jobs = await this.#options.list();
        this.#failing = false;
      } catch (error) {
        // The list stays as it was: jobs go on without the engine.
        if (!this.#failing) this.#options.failed(error);
        this.#failing = true;
      }
    } while (this.#lookAgain && !this.#disposed);
    for (const listener of [...this.#listeners]) listener(this.#jobs);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#disposed) return;
    const delay = pollDelay({ ...this.#options.attention(), active: this.active.length > 0 });
    if (delay !== null) this.#timer = setTimeout(() => void this.refresh(), delay);
  }
}

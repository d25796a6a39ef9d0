// Signs of life: a file rewritten every second by the runner, judged by others with clocks that never jump.

import { availableParallelism } from 'node:os';
import { readSmallFile, writeInPlace } from '../io/smallFile.ts';
import { type Heartbeat, zHeartbeat } from '../protocol/jobs.ts';

const BEAT_MS = 1000;
/** Network file systems show a change of another machine after seconds; a busy one may miss beats. */
export const SILENCE_MS = 30_000;
const LOOK_MS = 250;

export type Progress = Omit<Heartbeat, 'beat' | 'load'>;

/**
 * Beats until disposed of.
 *
 * @param current asked at every beat
 * @param onBeat  called after every beat
 */
export function startBeating(path: string, current: () => Progress, onBeat: () => Promise<void>): AsyncDisposable {
  let beat = 0;
  let busy: Promise<void> = Promise.resolve();
  let usage = process.cpuUsage();
  let since = performance.now();
  const write = async (): Promise<void> => {
    const [used, now] = [process.cpuUsage(usage), performance.now()];
    const load = Math.min(availableParallelism(), (used.user + used.system) / 1000 / Math.max(1, now - since));
    [usage, since] = [process.cpuUsage(), now];
    beat += 1;
    // A full disk must not end the job: the journal will tell.
    await writeInPlace(path, JSON.stringify({ beat, load, ...current() })).catch(() => undefined);
    await onBeat();
  };
  const next = (): void => {
    busy = busy.then(write);
  };
  next();
  const timer = setInterval(next, BEAT_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await busy;
    },
  };
}

/** @returns null when there is none, or it is being written just now */
export async function readHeartbeat(path: string): Promise<Heartbeat | null> {
  const text = await readSmallFile(path);
  try {
    return zHeartbeat.parse(JSON.parse(text ?? 'null'));
  } catch {
    return null;
  }
}

interface Seen {
  readonly text: string | null;
  readonly at: number;
}

/** Judges heartbeats by whether they change while this process watches: no clock of another machine is trusted. */
export class BeatWatch {
  readonly #seen = new Map<string, Seen>();
  readonly #silenceMs: number;
  readonly #wait: boolean;

  /**
   * @param wait true: look until sure, up to `silenceMs`; false: what has not been silent for that long yet counts as
   * beating, for those who look again and again
   */
  constructor(options: { wait: boolean; silenceMs?: number }) {
    this.#wait = options.wait;
    this.#silenceMs = options.silenceMs ?? SILENCE_MS;
  }

  async beats(path: string): Promise<boolean> {
    for (;;) {
      const text = await readSmallFile(path);
      const before = this.#seen.get(path);
      const now = performance.now();
      if (before === undefined || before.text !== text) {
        this.#seen.set(path, { text, at: now });
        if (before !== undefined) return true;
      } else if (now - before.at > this.#silenceMs) return false;
      if (!this.#wait) return true;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

// Signs of life: a file rewritten every second by the runner, judged by others with clocks that never jump.

import { availableParallelism } from 'node:os';
import { readSmallFile, writeInPlace } from '../io/smallFile.ts';
import { type Heartbeat, zHeartbeat } from '../protocol/jobs.ts';

const BEAT_MS = 1000;
/** Network file systems show a change of another machine after seconds; a busy one may miss beats. */
export const SILENCE_MS = 30_000;
const LOOK_MS = 250;

export type Progress = Omit<Heartbeat, 'beat' | keyof Use>;
/** Of the devices, since the last beat. */
type Use = Pick<Heartbeat, 'load' | 'processors' | 'gpuBusy'>;

/**
 * Beats until disposed of.
 *
 * @param current   asked at every beat
 * @param gpuBusyMs milliseconds the job's GPU has been busy so far; null without one
 * @param onBeat    called after every beat
 */
export function startBeating(
  path: string,
  current: () => Progress,
  gpuBusyMs: () => number | null,
  onBeat: () => Promise<void>,
): AsyncDisposable {
  let beat = 0;
  let busy: Promise<void> = Promise.resolve();
  const use = meterOfUse(gpuBusyMs);
  const write = async (): Promise<void> => {
    beat += 1;
    // A full disk must not end the job: the journal will tell.
    await writeInPlace(path, JSON.stringify({ beat, ...use(), ...current() })).catch(() => undefined);
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

/** Processor time of this process, all of its threads, and busy time of its GPU, each against the time that passed. */
function meterOfUse(gpuBusyMs: () => number | null): () => Use {
  const processors = availableParallelism();
  let before = { ...process.cpuUsage(), gpuMs: 0, at: performance.now() };
  return () => {
    const gpuMs = gpuBusyMs();
    const now = { ...process.cpuUsage(), gpuMs: gpuMs ?? 0, at: performance.now() };
    const passed = Math.max(1, now.at - before.at);
    const load = (now.user + now.system - before.user - before.system) / 1000 / passed;
    const gpuBusy = gpuMs === null ? null : Math.min(1, (now.gpuMs - before.gpuMs) / passed);
    before = now;
    return { load: Math.min(processors, load), processors, gpuBusy };
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

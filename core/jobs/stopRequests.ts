// Why a runner stops before it is done: asked through its folder, by a signal, taken over, or its inputs changed.

import { QuantscopeError } from '../base/errors.ts';
import { readSmallFile, removeFile, writeInPlace } from '../io/smallFile.ts';
import type { JobPaths } from './jobFolder.ts';

/** A request is acknowledged within a second, on a busy machine too. */
const LOOK_MS = 200;

export type StopReason =
  | { readonly kind: 'cancel' }
  | { readonly kind: 'pause'; readonly by: string }
  | { readonly kind: 'fault'; readonly error: unknown };

/** Asks the runner, whoever and wherever it is. */
export async function requestStop({ stop }: JobPaths, kind: 'cancel' | 'pause'): Promise<void> {
  await writeInPlace(stop, kind);
}

export async function withdrawStop({ stop }: JobPaths): Promise<void> {
  await removeFile(stop);
}

export class Stop implements AsyncDisposable {
  readonly #abort = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal | undefined;
  readonly #forward = (): void => this.stop({ kind: 'pause', by: 'a signal' });
  #reason: StopReason | null = null;
  #look: Promise<void> = Promise.resolve();

  /** @param outer pauses the job: the process is asked to end */
  constructor(paths: JobPaths, outer: AbortSignal | undefined) {
    this.#outer = outer;
    if (outer?.aborted) this.#forward();
    outer?.addEventListener('abort', this.#forward, { once: true });
    const look = (): void => {
      this.#look = this.#look.then(() => this.#readRequest(paths));
    };
    this.#timer = setInterval(look, LOOK_MS);
    look();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The first one counts. */
  get reason(): StopReason | null {
    return this.#reason;
  }

  stop(reason: StopReason): void {
    this.#reason ??= reason;
    this.#abort.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#outer?.removeEventListener('abort', this.#forward);
    await this.#look;
  }

  async #readRequest({ stop }: JobPaths): Promise<void> {
    const request = await readSmallFile(stop).catch(() => null);
    if (request === 'cancel') this.stop({ kind: 'cancel' });
    else if (request === 'pause') this.stop({ kind: 'pause', by: 'a request' });
  }
}

/** Another runner has the job now: nothing more may be written by this one. */
export function takenOver(folder: string): StopReason {
  const message = `${folder}: another runner took the job over, this one had shown no sign of life`;
  return { kind: 'fault', error: new QuantscopeError('JOB_RUNNING', message) };
}

// Sessions of graphs that differ only in size: full batches share one, the last has its own.

import type { Session } from './runtime.ts';

export interface Built {
  readonly session: Session;
}

/** Builds a session for every size asked for, once; releases all together. */
export class SessionsBySize<T extends Built> implements AsyncDisposable {
  readonly #build: (size: number) => Promise<T>;
  readonly #built = new Map<number, Promise<T>>();

  constructor(build: (size: number) => Promise<T>) {
    this.#build = build;
  }

  of(size: number): Promise<T> {
    const built = this.#built.get(size) ?? this.#build(size);
    this.#built.set(size, built);
    return built;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const built of this.#built.values()) await (await built).session.release();
  }
}

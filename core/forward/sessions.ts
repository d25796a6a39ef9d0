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
    // Whoever asked for a session that could not be built has been told why.
    const built = await Promise.allSettled(this.#built.values());
    for (const one of built) if (one.status === 'fulfilled') await one.value.session.release();
  }
}

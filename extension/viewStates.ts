// View state per model path, kept across reloads of the window; the least recently used ones go.

import type * as vscode from 'vscode';
import * as z from 'zod';

const KEY = 'quantscope.viewStates';
const MAX_KEPT = 50;

const zStates = z.array(z.object({ path: z.string(), state: z.string() }));

export class ViewStates {
  readonly #memento: vscode.Memento;
  /** Writes one after the other: a drag saves often, and the last one must win. */
  #writing: Promise<void> = Promise.resolve();

  constructor(memento: vscode.Memento) {
    this.#memento = memento;
  }

  get(path: string): string | null {
    return this.#all().find((entry) => entry.path === path)?.state ?? null;
  }

  save(path: string, state: string): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const others = this.#all().filter((entry) => entry.path !== path);
      await this.#memento.update(KEY, [{ path, state }, ...others].slice(0, MAX_KEPT));
    });
    return this.#writing;
  }

  #all(): z.infer<typeof zStates> {
    const parsed = zStates.safeParse(this.#memento.get(KEY));
    return parsed.success ? parsed.data : [];
  }
}

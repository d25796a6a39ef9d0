// What is kept per model path across reloads of the window: view state, and the outputs the user has chosen.

import type * as vscode from 'vscode';
import * as z from 'zod';

const KEY = 'quantscope.viewStates';
const MAX_KEPT = 50;
const MAX_OUTPUTS = 20;

const zKept = z.object({ path: z.string(), state: z.string().nullable(), outputs: z.array(z.string()) });
type Kept = z.infer<typeof zKept>;

export class ViewStates {
  readonly #memento: vscode.Memento;
  /** Writes one after the other: a drag saves often, and the last one must win. */
  #writing: Promise<void> = Promise.resolve();

  constructor(memento: vscode.Memento) {
    this.#memento = memento;
  }

  get(path: string): string | null {
    return this.#find(path)?.state ?? null;
  }

  save(path: string, state: string): Promise<void> {
    return this.#update(path, (kept) => ({ ...kept, state }));
  }

  /** Whether the user chose this file as the destination of an export of the model. */
  isOutput(path: string, output: string): boolean {
    return this.#find(path)?.outputs.includes(output) ?? false;
  }

  addOutput(path: string, output: string): Promise<void> {
    return this.#update(path, (kept) => ({
      ...kept,
      outputs: [output, ...kept.outputs.filter((other) => other !== output)].slice(0, MAX_OUTPUTS),
    }));
  }

  #update(path: string, change: (kept: Kept) => Kept): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const changed = change(this.#find(path) ?? { path, state: null, outputs: [] });
      const others = this.#all().filter((entry) => entry.path !== path);
      await this.#memento.update(KEY, [changed, ...others].slice(0, MAX_KEPT));
    });
    return this.#writing;
  }

  #find(path: string): Kept | undefined {
    return this.#all().find((entry) => entry.path === path);
  }

  #all(): Kept[] {
    const parsed = z.array(zKept).safeParse(this.#memento.get(KEY));
    return parsed.success ? parsed.data : [];
  }
}

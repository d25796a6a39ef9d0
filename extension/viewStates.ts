// What is kept per model path across reloads of the window: view state, and the files the user has chosen.

import type * as vscode from 'vscode';
import * as z from 'zod';

const KEY = 'quantscope.viewStates';
const MAX_KEPT = 50;
const MAX_OUTPUTS = 20;
const MAX_INPUTS = 20;

const zKept = z.object({
  path: z.string(),
  state: z.string().nullable(),
  outputs: z.array(z.string()),
  /** Texts and importance matrices. */
  inputs: z.array(z.string()).default([]),
});
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
      outputs: latestFirst(kept.outputs, output, MAX_OUTPUTS),
    }));
  }

  /** Whether the user chose this text or importance matrix for the model. */
  isInput(path: string, input: string): boolean {
    return this.#find(path)?.inputs.includes(input) ?? false;
  }

  addInput(path: string, input: string): Promise<void> {
    return this.#update(path, (kept) => ({ ...kept, inputs: latestFirst(kept.inputs, input, MAX_INPUTS) }));
  }

  #update(path: string, change: (kept: Kept) => Kept): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const changed = change(this.#find(path) ?? { path, state: null, outputs: [], inputs: [] });
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

function latestFirst(list: readonly string[], added: string, most: number): string[] {
  return [added, ...list.filter((other) => other !== added)].slice(0, most);
}

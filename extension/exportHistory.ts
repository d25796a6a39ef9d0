// The exports this user finished, newest first, kept across windows.

import * as vscode from 'vscode';
import * as z from 'zod';
import type { ExportResult } from '../core/protocol/objects.ts';

const KEY = 'quantscope.exports';
const MAX_KEPT = 100;

const zExport = z.object({
  output: z.string(),
  /** The model it was made from. */
  source: z.string(),
  bytes: z.number(),
  bitsPerWeight: z.number(),
  verified: z.boolean(),
  at: z.string(),
});
export type FinishedExport = z.infer<typeof zExport>;

export class ExportHistory {
  readonly #memento: vscode.Memento;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onChange = this.#changed.event;

  constructor(memento: vscode.Memento) {
    this.#memento = memento;
  }

  list(): FinishedExport[] {
    const parsed = z.array(zExport).safeParse(this.#memento.get(KEY));
    return parsed.success ? parsed.data : [];
  }

  async add(source: string, result: ExportResult): Promise<void> {
    const { output, bytes, bitsPerWeight, verify } = result;
    const entry = { output, source, bytes, bitsPerWeight, verified: verify.ok, at: new Date().toISOString() };
    await this.#store([entry, ...this.list().filter((other) => other.output !== output)].slice(0, MAX_KEPT));
  }

  /** Forgets the entry; the file stays. */
  async remove(output: string): Promise<void> {
    await this.#store(this.list().filter((entry) => entry.output !== output));
  }

  async #store(entries: FinishedExport[]): Promise<void> {
    await this.#memento.update(KEY, entries);
    this.#changed.fire();
  }
}

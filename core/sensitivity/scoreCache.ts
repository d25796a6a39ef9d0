// Measured rows of one score on disk: a run that was stopped goes on where it was, and no target measures again.

import * as z from 'zod';
import { openCacheFolder } from '../io/cacheFolder.ts';
import { zScoreRow } from '../protocol/calibration.ts';
import { spellFigures } from '../protocol/figures.ts';
import { zFigure, zTarget } from '../protocol/objects.ts';
import type { ScoredTensor } from './score.ts';

const zEntry = z.object({
  at: z.string(),
  rows: z.array(zScoreRow.extend({ probe: zTarget, relativeError: zFigure })),
  nats: zFigure.optional(),
});

export class ScoreCache {
  readonly #key: string | null;
  readonly #rows = new Map<number, ScoredTensor>();
  #at = new Date().toISOString();
  /** Nats of divergence per unit of the score, where it was measured. */
  nats: number | undefined;

  /** @param key of everything the rows depend on; null keeps nothing on disk. A damaged entry counts as none. */
  static async open(key: string | null): Promise<ScoreCache> {
    const cache = new ScoreCache(key);
    if (key !== null) await cache.#read(key).catch(() => undefined); // whatever is wrong with it can be measured again
    return cache;
  }

  private constructor(key: string | null) {
    this.#key = key;
  }

  /** When the newest row was measured. */
  get at(): string {
    return this.#at;
  }

  get rows(): ReadonlyMap<number, ScoredTensor> {
    return this.#rows;
  }

  add(rows: readonly ScoredTensor[]): void {
    for (const row of rows) this.#rows.set(row.tensor, row);
    this.#at = new Date().toISOString();
  }

  /** A folder that cannot be written is done without. */
  async save(): Promise<void> {
    if (this.#key === null) return;
    const entry = { at: this.#at, rows: [...this.#rows.values()], nats: this.nats };
    const bytes = new TextEncoder().encode(JSON.stringify(spellFigures(entry)));
    const folder = await openCacheFolder('sensitivity').catch(() => null);
    await folder?.write(this.#key, bytes).catch(() => undefined);
  }

  async #read(key: string): Promise<void> {
    const bytes = await (await openCacheFolder('sensitivity')).read(key);
    if (bytes === null) return;
    const { at, rows, nats } = zEntry.parse(JSON.parse(new TextDecoder().decode(bytes)));
    for (const { curve, ...row } of rows) this.#rows.set(row.tensor, curve === undefined ? row : { ...row, curve });
    this.#at = at;
    this.nats = nats;
  }
}

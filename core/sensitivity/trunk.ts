// The model as it is, run block by block just as far as somebody asks.

import { type Hidden, runBlocks } from '../forward/blocks.ts';
import { embedTokens } from '../forward/embed.ts';
import type { TextRun } from './score.ts';

export class Trunk {
  readonly #run: TextRun;
  readonly #signal: AbortSignal | undefined;
  readonly #onLayer: (layer: number) => void;
  #state: Hidden | null = null;
  #at = 0;

  constructor(run: TextRun, signal: AbortSignal | undefined, onLayer: (layer: number) => void) {
    this.#run = run;
    this.#signal = signal;
    this.#onLayer = onLayer;
  }

  /** The state before a layer, not to be changed. @param layer never less than before */
  async before(layer: number): Promise<Hidden> {
    const { parts, sequences } = this.#run;
    this.#state ??= await embedTokens(parts, sequences, this.#signal);
    if (layer > this.#at)
      await runBlocks(parts, [this.#state], {
        layers: [this.#at, layer],
        signal: this.#signal,
        onLayer: this.#onLayer,
      });
    this.#at = layer;
    return this.#state;
  }

  /** For whoever ran a layer anyway. @param state before `layer` */
  moveTo(layer: number, { values }: Hidden): void {
    this.#state?.values.set(values);
    this.#at = layer;
  }
}

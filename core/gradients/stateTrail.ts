// Hidden states before every block, for going back through them. Where they do not all fit into memory some are kept
// and those between computed again (Chen et al. 2016, arXiv 1604.06174: √n states, one more forward pass).

import { type Hidden, type Parts, runBlocks } from '../forward/blocks.ts';

/** States kept at once: 64k tokens of a 4096-wide model. */
const MAX_TRAIL_BYTES = 2 ** 30;

export interface TrailRun {
  readonly signal: AbortSignal | undefined;
  /** Called after every batch of every block of the first pass. */
  readonly onBatch?: ((layer: number) => void) | undefined;
  readonly maxBytes?: number | undefined;
}

export class StateTrail {
  /** After the last block. */
  readonly final: Hidden;
  readonly #parts: Parts;
  readonly #stride: number;
  readonly #signal: AbortSignal | undefined;
  /** States before layers 0, stride, 2 · stride, … */
  readonly #kept: readonly Float32Array[];
  /** States before the layers from `first` on. */
  #segment: { readonly first: number; readonly states: readonly Float32Array[] } | null = null;

  /** Runs all blocks. @param hidden before the first; holds the final states afterwards. @throws as `runBlocks` */
  static async record(parts: Parts, hidden: Hidden, run: TrailRun): Promise<StateTrail> {
    const { layers } = parts.network;
    const fits = layers * hidden.values.byteLength <= (run.maxBytes ?? MAX_TRAIL_BYTES);
    const stride = fits ? 1 : Math.ceil(Math.sqrt(layers));
    const kept = [hidden.values.slice()];
    await runBlocks(parts, [hidden], {
      layers: [0, layers],
      signal: run.signal,
      onBatch: run.onBatch,
      onLayer: (layer) => {
        if ((layer + 1) % stride === 0 && layer + 1 < layers) kept.push(hidden.values.slice());
      },
    });
    return new StateTrail(parts, hidden, { stride, kept, signal: run.signal });
  }

  private constructor(
    parts: Parts,
    final: Hidden,
    { stride, kept, signal }: { stride: number; kept: readonly Float32Array[]; signal: AbortSignal | undefined },
  ) {
    this.final = final;
    this.#parts = parts;
    this.#stride = stride;
    this.#kept = kept;
    this.#signal = signal;
  }

  /** Layers are asked for from the last to the first. */
  async before(layer: number): Promise<Hidden> {
    const first = layer - (layer % this.#stride);
    if (this.#segment?.first !== first) this.#segment = { first, states: await this.#statesFrom(first) };
    const values = this.#segment.states[layer - first] ?? new Float32Array();
    return { ...this.final, values };
  }

  async #statesFrom(first: number): Promise<Float32Array[]> {
    this.#segment = null; // frees the last segment before the next is made
    const start = this.#kept[first / this.#stride] ?? new Float32Array();
    const states = [start];
    const to = Math.min(first + this.#stride, this.#parts.network.layers) - 1;
    if (to === first) return states;
    const values = start.slice();
    await runBlocks(this.#parts, [{ ...this.final, values }], {
      layers: [first, to],
      signal: this.#signal,
      onLayer: () => states.push(values.slice()),
    });
    return states;
  }
}

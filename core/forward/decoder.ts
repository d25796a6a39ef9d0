// A model ready to run: logits of token sequences, and the second moments of what its linear layers take in.

import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Pool } from '../kernels/pool.ts';
import { describeNetwork } from '../model/forward/families/index.ts';
import type { Network } from '../model/forward/family.ts';
import { batchesOf, type Parts, runBlocks } from './blocks.ts';
import { checkWeights } from './checkWeights.ts';
import { embedTokens } from './embed.ts';
import { headLogits, type LogitRows } from './head.ts';
import { headersOf } from './modelHeaders.ts';
import { loadRuntime } from './runtime.ts';
import { SquareSums, sumsByTensor } from './squareSums.ts';
import { ModelWeights } from './weights.ts';

export interface RunProgress {
  readonly signal?: AbortSignal | undefined;
  /** done of total in blocks (the head counts as one) × batches. */
  readonly onProgress?: ((done: number, total: number, message: string) => void) | undefined;
}

/** By index of the weight whose columns multiply x; a tensor that holds all experts has them one after the other. */
export interface SecondMoments {
  /** Σx², [experts ·] columns. */
  readonly sums: ReadonlyMap<number, Float64Array>;
  /** Summed up: tokens, or those that reached each expert. */
  readonly rows: ReadonlyMap<number, Float64Array>;
  readonly tokens: number;
}

export class Decoder {
  readonly parts: Parts;

  /** @throws UNSUPPORTED_ARCHITECTURE, HEADER_INVALID, TENSOR_NOT_FOUND, SHAPE_INVALID, RUNTIME_MISSING */
  static async open(checkpoint: Checkpoint, pool: Pool): Promise<Decoder> {
    const weights = new ModelWeights(checkpoint, pool);
    const network = describeNetwork(await headersOf(checkpoint, weights));
    checkWeights(network, weights);
    return new Decoder({ network, weights, runtime: await loadRuntime(pool.threads) });
  }

  private constructor(parts: Parts) {
    this.parts = parts;
  }

  /** The same network over other weights of the same checkpoint. */
  withWeights(weights: ModelWeights): Decoder {
    return new Decoder({ ...this.parts, weights });
  }

  get network(): Network {
    return this.parts.network;
  }

  /**
   * Logits of every wanted row, in order.
   * @param sequences of equal length, token ids below the vocabulary
   * @param from first token of a sequence whose logits are wanted
   * @throws NON_FINITE naming the layer, MEMORY_LIMIT, CANCELLED, SHAPE_INVALID, TENSOR_NOT_FOUND, FILE_TRUNCATED
   */
  async *logits(
    sequences: readonly Uint32Array[],
    from: number,
    { signal, onProgress }: RunProgress = {},
  ): AsyncGenerator<LogitRows> {
    const { layers } = this.network;
    const hidden = await embedTokens(this.parts, sequences, signal);
    const blockSteps = layers * batchesOf(hidden);
    const total = blockSteps + sequences.length;
    let done = 0;
    const onBatch = (layer: number): void => onProgress?.(++done, total, `layer ${layer + 1} of ${layers}`);
    await runBlocks(this.parts, [hidden], { layers: [0, layers], signal, onBatch });
    const onSequence = (): void => onProgress?.(++done, total, 'logits');
    for await (const { first, logits } of headLogits(this.parts, [hidden], { from, signal, onSequence })) {
      const [own] = logits;
      if (own !== undefined) yield { first, logits: own };
    }
  }

  /** Runs all tokens and sums the squares of every linear layer's input. @throws as `logits` */
  async secondMoments(
    sequences: readonly Uint32Array[],
    { signal, onProgress }: RunProgress = {},
  ): Promise<SecondMoments> {
    const { layers } = this.network;
    const hidden = await embedTokens(this.parts, sequences, signal);
    const total = layers * batchesOf(hidden);
    let done = 0;
    const observer = new SquareSums();
    await runBlocks(this.parts, [hidden], {
      layers: [0, layers],
      signal,
      onBatch: (layer) => onProgress?.(++done, total, `layer ${layer + 1} of ${layers}`),
      observer,
    });
    return { ...sumsByTensor(this.parts, observer.sums()), tokens: hidden.sequences * hidden.tokens };
  }
}

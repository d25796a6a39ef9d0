// A decoder ready to run: logits of token sequences, and the second moments of what its linear layers take in.

import { throwIfCancelled } from '../base/cancellation.ts';
import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Pool } from '../kernels/pool.ts';
import { BLOCK_TAPS } from '../model/forward/decoderBlock.ts';
import { decoderHead } from '../model/forward/decoderHead.ts';
import type { DecoderShape } from '../model/forward/decoderShape.ts';
import { decoderShape } from '../model/forward/shapeOf.ts';
import { batchesOf, type Hidden, runBlocks } from './blocks.ts';
import { headersOf } from './modelHeaders.ts';
import { loadRuntime, type Runtime, type Session } from './runtime.ts';
import { ModelWeights } from './weights.ts';

/** Rows of one run of the head: their logits over a vocabulary of 128k take 64 MB. */
const HEAD_ROWS = 128;

export interface RunProgress {
  readonly signal?: AbortSignal | undefined;
  /** done of total in blocks (the head counts as one) × batches. */
  readonly onProgress?: ((done: number, total: number, message: string) => void) | undefined;
}

export interface LogitRows {
  /** Position of the first row among all tokens: sequence · length + token. */
  readonly first: number;
  /** [rows, vocabulary] */
  readonly logits: Float32Array;
}

/** Σx² per column over all tokens, by index of the weight that multiplies x. */
export interface SecondMoments {
  readonly sums: ReadonlyMap<number, Float64Array>;
  readonly tokens: number;
}

export class Decoder {
  readonly shape: DecoderShape;
  readonly #weights: ModelWeights;
  readonly #runtime: Runtime;

  /** @throws UNSUPPORTED_ARCHITECTURE, HEADER_INVALID, TENSOR_NOT_FOUND, RUNTIME_MISSING */
  static async open(checkpoint: Checkpoint, pool: Pool): Promise<Decoder> {
    const weights = new ModelWeights(checkpoint, pool);
    const shape = decoderShape(await headersOf(checkpoint, weights));
    return new Decoder(shape, weights, await loadRuntime(pool.threads));
  }

  private constructor(shape: DecoderShape, weights: ModelWeights, runtime: Runtime) {
    this.shape = shape;
    this.#weights = weights;
    this.#runtime = runtime;
  }

  /**
   * Logits of every wanted row, in order.
   * @param sequences of equal length, token ids below the vocabulary
   * @param from first token of a sequence whose logits are wanted
   * @throws NON_FINITE naming the layer, MEMORY_LIMIT, CANCELLED, SHAPE_INVALID, TENSOR_NOT_FOUND, FILE_TRUNCATED
   */
  async *logits(sequences: readonly Uint32Array[], from: number, run: RunProgress = {}): AsyncGenerator<LogitRows> {
    const hidden = await this.#embed(sequences, run.signal);
    const batches = batchesOf(hidden);
    const step = stepper((this.shape.layers + 1) * batches, run);
    await runBlocks(this.shape, this.#weights, this.#runtime, hidden, {
      signal: run.signal,
      onBatch: (layer) => step(`layer ${layer + 1} of ${this.shape.layers}`),
    });
    yield* this.#head(hidden, from, batches, () => step('logits'), run.signal);
  }

  /** Runs all tokens and sums the squares of every linear layer's input. @throws as `logits` */
  async secondMoments(sequences: readonly Uint32Array[], run: RunProgress = {}): Promise<SecondMoments> {
    const hidden = await this.#embed(sequences, run.signal);
    const step = stepper(this.shape.layers * batchesOf(hidden), run);
    const sums = new Map<number, Float64Array>();
    await runBlocks(this.shape, this.#weights, this.#runtime, hidden, {
      signal: run.signal,
      onBatch: (layer) => step(`layer ${layer + 1} of ${this.shape.layers}`),
      onTap: (layer, tap, squares) => {
        for (const module of BLOCK_TAPS[tap]) {
          const tensor = this.#weights.find(layer, module);
          if (tensor === null) continue;
          const sum = sums.get(tensor.index) ?? new Float64Array(squares.length);
          squares.forEach((square, column) => {
            sum[column] = (sum[column] ?? 0) + square;
          });
          sums.set(tensor.index, sum);
        }
      },
    });
    return { sums, tokens: hidden.sequences * hidden.tokens };
  }

  async *#head(
    { values, sequences, tokens }: Hidden,
    from: number,
    steps: number,
    step: () => void,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<LogitRows> {
    const { width, vocabulary } = this.shape;
    const tied = this.#weights.find(null, 'output') === null;
    const norm = this.#runtime.tensor(await this.#weights.load(null, 'norm', [width], signal), [width]);
    const matrix = await this.#weights.load(null, tied ? 'embed' : 'output', [vocabulary, width], signal);
    const output = this.#runtime.tensor(matrix, [vocabulary, width]);
    const sessions = new Map<number, Session>();
    try {
      for (let sequence = 0; sequence < sequences; sequence++) {
        for (let token = from; token < tokens; token += HEAD_ROWS) {
          throwIfCancelled(signal, 'running the model');
          const rows = Math.min(HEAD_ROWS, tokens - token);
          const session = sessions.get(rows) ?? (await this.#runtime.session(decoderHead(this.shape, rows)));
          sessions.set(rows, session);
          const first = sequence * tokens + token;
          const hidden = this.#runtime.tensor(values.subarray(first * width, (first + rows) * width), [rows, width]);
          const { logits } = await session.run({ hidden, norm, output }, ['logits']);
          yield { first, logits };
        }
        if ((sequence + 1) % Math.ceil(sequences / steps) === 0 || sequence + 1 === sequences) step();
      }
    } finally {
      for (const session of sessions.values()) await session.release();
    }
  }

  async #embed(sequences: readonly Uint32Array[], signal: AbortSignal | undefined): Promise<Hidden> {
    const { width, vocabulary } = this.shape;
    const tokens = sequences[0]?.length ?? 0;
    const distinct = [...new Set(sequences.flatMap((sequence) => [...sequence]))].sort((a, b) => a - b);
    const beyond = distinct.find((id) => id >= vocabulary);
    if (beyond !== undefined)
      throw new QuantscopeError(
        'TOKENIZER_UNSUPPORTED',
        `${this.#weights.checkpoint.name}: token ${beyond} of the text, the model has ${vocabulary}`,
      );
    const rows = await this.#weights.rows('embed', Uint32Array.from(distinct), signal);
    const place = new Map(distinct.map((id, at) => [id, at]));
    const values = new Float32Array(sequences.length * tokens * width);
    sequences.forEach((sequence, s) => {
      sequence.forEach((id, t) => {
        const at = (place.get(id) ?? 0) * width;
        values.set(rows.subarray(at, at + width), (s * tokens + t) * width);
      });
    });
    return { values, sequences: sequences.length, tokens };
  }
}

function stepper(total: number, { onProgress }: RunProgress): (message: string) => void {
  let done = 0;
  return (message) => {
    done += 1;
    onProgress?.(done, total, message);
  };
}

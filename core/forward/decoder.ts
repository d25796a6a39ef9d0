// Runs a decoder over token sequences block by block: memory holds one block's weights and the hidden states.

import { throwIfCancelled } from '../base/cancellation.ts';
import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Pool } from '../kernels/pool.ts';
import { decoderBlock } from '../model/forward/decoderBlock.ts';
import { decoderHead } from '../model/forward/decoderHead.ts';
import { blockWeights, type DecoderShape } from '../model/forward/decoderShape.ts';
import { causalMask, rotaryTables } from '../model/forward/rope.ts';
import { decoderShape } from '../model/forward/shapeOf.ts';
import { headersOf } from './modelHeaders.ts';
import { type Feeds, loadRuntime, type Runtime, type Session } from './runtime.ts';
import { ModelWeights } from './weights.ts';

/** Tokens of one run of a block: enough rows for dense matrix products, scores of some MB. */
const BATCH_TOKENS = 1024;
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
   * @param wanted rows of a sequence whose logits matter: `from` ≤ token < length
   * @throws NON_FINITE naming the layer, MEMORY_LIMIT, CANCELLED, SHAPE_INVALID, TENSOR_NOT_FOUND, FILE_TRUNCATED
   */
  async *logits(sequences: readonly Uint32Array[], from: number, run: RunProgress = {}): AsyncGenerator<LogitRows> {
    const tokens = sequences[0]?.length ?? 0;
    const hidden = await this.#embed(sequences, run.signal);
    const batch = Math.max(1, Math.floor(BATCH_TOKENS / Math.max(1, tokens)));
    const batches = Math.ceil(sequences.length / batch);
    const total = (this.shape.layers + 1) * batches;
    let done = 0;
    const step = (message: string): void => {
      throwIfCancelled(run.signal, 'running the model');
      done += 1;
      run.onProgress?.(done, total, message);
    };
    await using blocks = this.#blockSessions(tokens);
    const { cos, sin } = rotaryTables(this.shape.frequencies, tokens);
    const half = this.shape.headWidth / 2;
    const constants = {
      cos: this.#runtime.tensor(cos, [tokens, half]),
      sin: this.#runtime.tensor(sin, [tokens, half]),
      mask: this.#runtime.tensor(causalMask(tokens), [tokens, tokens]),
    };
    for (let layer = 0; layer < this.shape.layers; layer++) {
      const weights = await this.#blockFeeds(layer, run.signal);
      for (let first = 0; first < sequences.length; first += batch) {
        const count = Math.min(batch, sequences.length - first);
        const session = await blocks.of(count);
        const rows = hidden.subarray(first * tokens * this.shape.width, (first + count) * tokens * this.shape.width);
        const feed = this.#runtime.tensor(rows, [count * tokens, this.shape.width]);
        const out = await session.run({ ...weights, ...constants, hidden: feed }, 'out');
        refuseNonFinite(out, `${this.#weights.checkpoint.name}: layer ${layer}`);
        rows.set(out);
        step(`layer ${layer + 1} of ${this.shape.layers}`);
      }
    }
    yield* this.#head(hidden, sequences.length, tokens, from, run.signal, () => step('logits'), batches);
  }

  async *#head(
    hidden: Float32Array,
    sequences: number,
    tokens: number,
    from: number,
    signal: AbortSignal | undefined,
    step: () => void,
    steps: number,
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
          const feed = this.#runtime.tensor(hidden.subarray(first * width, (first + rows) * width), [rows, width]);
          yield { first, logits: await session.run({ hidden: feed, norm, output }, 'logits') };
        }
        if ((sequence + 1) % Math.ceil(sequences / steps) === 0 || sequence + 1 === sequences) step();
      }
    } finally {
      for (const session of sessions.values()) await session.release();
    }
  }

  async #embed(sequences: readonly Uint32Array[], signal: AbortSignal | undefined): Promise<Float32Array> {
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
    const hidden = new Float32Array(sequences.length * tokens * width);
    sequences.forEach((sequence, s) => {
      sequence.forEach((id, t) => {
        const at = (place.get(id) ?? 0) * width;
        hidden.set(rows.subarray(at, at + width), (s * tokens + t) * width);
      });
    });
    return hidden;
  }

  async #blockFeeds(layer: number, signal: AbortSignal | undefined): Promise<Feeds> {
    const feeds: Record<string, Feeds[string]> = {};
    for (const [name, dimensions] of Object.entries(blockWeights(this.shape)))
      feeds[name] = this.#runtime.tensor(await this.#weights.load(layer, name, dimensions, signal), dimensions);
    return feeds;
  }

  /** One session per number of sequences: all full batches share one, the last has its own. */
  #blockSessions(tokens: number) {
    const sessions = new Map<number, Promise<Session>>();
    return {
      of: (count: number): Promise<Session> => {
        let session = sessions.get(count);
        if (session === undefined) {
          session = this.#runtime.session(decoderBlock(this.shape, { sequences: count, tokens }));
          sessions.set(count, session);
        }
        return session;
      },
      async [Symbol.asyncDispose]() {
        for (const session of sessions.values()) await (await session).release();
      },
    };
  }
}

/** Sums of finite numbers are finite far below float32's limit, so one sum tells. @throws NON_FINITE */
function refuseNonFinite(values: Float32Array, where: string): void {
  let sum = 0;
  for (const value of values) sum += value;
  if (!Number.isFinite(sum)) throw new QuantscopeError('NON_FINITE', `${where}: activations are not finite`);
}

// All blocks of a decoder over all sequences: block 0 for every batch, then block 1, …

import { throwIfCancelled } from '../base/cancellation.ts';
import { QuantscopeError } from '../base/errors.ts';
import type { BatchSize, BlockGraph } from '../model/forward/blockGraph.ts';
import { decoderBlock } from '../model/forward/decoderBlock.ts';
import { blockWeights, type DecoderShape } from '../model/forward/decoderShape.ts';
import { causalMask, rotaryTables } from '../model/forward/rope.ts';
import type { Feeds, Runtime, Session } from './runtime.ts';
import type { ModelWeights } from './weights.ts';

/** Tokens of one run of a block: enough rows for dense matrix products, scores of some MB. */
const BATCH_TOKENS = 1024;

/** Hidden states of equally long sequences, [sequences · tokens, width]. */
export interface Hidden {
  readonly values: Float32Array;
  readonly sequences: number;
  readonly tokens: number;
}

/** A decoder's description, weights and runtime. */
export interface Parts {
  readonly shape: DecoderShape;
  readonly weights: ModelWeights;
  readonly runtime: Runtime;
}

/** Weights that stand in for the model's own, by module. */
export type Replaced = Readonly<Record<string, Float32Array>>;

export interface BlockRun {
  /** First layer and the one after the last. */
  readonly layers: readonly [from: number, to: number];
  /** For runs of a single layer. */
  readonly replaced?: Replaced | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called after every batch of every block. */
  readonly onBatch?: ((layer: number) => void) | undefined;
  readonly observer?: Observer | undefined;
}

/** Looks inside blocks while they run. */
export interface Observer {
  /** Adds outputs to a block's graph. @returns their names */
  outputs(block: BlockGraph, batch: BatchSize): readonly string[];
  /** What they gave, batch by batch of every block; arrays may be kept. */
  receive(layer: number, found: Readonly<Record<string, Float32Array>>, batch: ObservedBatch): void;
}

export interface ObservedBatch extends BatchSize {
  /** Position of its first sequence among all. */
  readonly first: number;
}

export function batchesOf({ sequences, tokens }: Hidden): number {
  return Math.ceil(sequences / batchSize(tokens));
}

/**
 * Replaces every state by the one after the last layer. States of equal size share each block's weights, which are
 * loaded once.
 * @throws NON_FINITE naming the layer, MEMORY_LIMIT, CANCELLED, TENSOR_NOT_FOUND, SHAPE_INVALID, FILE_TRUNCATED
 */
export async function runBlocks(
  parts: Parts,
  states: readonly Hidden[],
  { layers: [from, to], replaced, signal, onBatch, observer }: BlockRun,
): Promise<void> {
  const { shape, weights, runtime } = parts;
  const { sequences = 0, tokens = 0 } = states[0] ?? {};
  const { width, headWidth } = shape;
  const { cos, sin } = rotaryTables(shape.frequencies, tokens);
  const constants = {
    cos: runtime.tensor(cos, [tokens, headWidth / 2]),
    sin: runtime.tensor(sin, [tokens, headWidth / 2]),
    mask: runtime.tensor(causalMask(tokens), [tokens, tokens]),
  };
  const step = batchSize(tokens);
  await using sessions = blockSessions(parts, tokens, observer);
  for (let layer = from; layer < to; layer++) {
    const own = await blockFeeds(parts, layer, replaced ?? {}, signal);
    for (const { values } of states) {
      for (let first = 0; first < sequences; first += step) {
        throwIfCancelled(signal, 'running the model');
        const count = Math.min(step, sequences - first);
        const { session, observed } = await sessions.of(count);
        const rows = values.subarray(first * tokens * width, (first + count) * tokens * width);
        const input = runtime.tensor(rows, [count * tokens, width]);
        const found = await session.run({ ...own, ...constants, hidden: input }, ['out', ...observed]);
        const out = found.out ?? new Float32Array();
        refuseNonFinite(out, `${weights.checkpoint.name}: layer ${layer}`);
        rows.set(out);
        observer?.receive(layer, found, { sequences: count, tokens, first });
        onBatch?.(layer);
      }
    }
  }
}

function batchSize(tokens: number): number {
  return Math.max(1, Math.floor(BATCH_TOKENS / Math.max(1, tokens)));
}

async function blockFeeds(
  { shape, weights, runtime }: Parts,
  layer: number,
  replaced: Replaced,
  signal: AbortSignal | undefined,
): Promise<Feeds> {
  const feeds: Record<string, Feeds[string]> = {};
  for (const [name, dimensions] of Object.entries(blockWeights(shape))) {
    const values = replaced[name] ?? (await weights.load(layer, name, dimensions, signal));
    feeds[name] = runtime.tensor(values, dimensions);
  }
  return feeds;
}

interface BlockSession {
  readonly session: Session;
  /** Outputs besides `out`. */
  readonly observed: readonly string[];
}

/** One session per number of sequences: all full batches share one, the last has its own. */
function blockSessions({ shape, runtime }: Parts, tokens: number, observer: Observer | undefined) {
  const sessions = new Map<number, Promise<BlockSession>>();
  const build = async (sequences: number): Promise<BlockSession> => {
    const block = decoderBlock(shape, { sequences, tokens });
    block.graph.output('out', block.out, [sequences * tokens, shape.width]);
    const observed = observer?.outputs(block, { sequences, tokens }) ?? [];
    return { session: await runtime.session(block.graph.build()), observed };
  };
  return {
    of(count: number): Promise<BlockSession> {
      let session = sessions.get(count);
      if (session === undefined) {
        session = build(count);
        sessions.set(count, session);
      }
      return session;
    },
    async [Symbol.asyncDispose]() {
      for (const built of sessions.values()) await (await built).session.release();
    },
  };
}

/** Sums of finite numbers are finite far below float32's limit, so one sum tells. @throws NON_FINITE */
function refuseNonFinite(values: Float32Array, where: string): void {
  let sum = 0;
  for (const value of values) sum += value;
  if (!Number.isFinite(sum)) throw new QuantscopeError('NON_FINITE', `${where}: activations are not finite`);
}

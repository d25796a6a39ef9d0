// All blocks of a network over all sequences: block 0 for every batch, then block 1, …

import { throwIfCancelled } from '../base/cancellation.ts';
import { QuantscopeError } from '../base/errors.ts';
import type { BatchSize, BlockGraph } from '../model/forward/blockGraph.ts';
import type { Network, WeightLayouts } from '../model/forward/family.ts';
import { BlockKinds } from './blockKinds.ts';
import { firstNonFinite } from './firstNonFinite.ts';
import { Pieces } from './pieces.ts';
import type { Feeds, Runtime, Tensor } from './runtime.ts';
import type { Built } from './sessions.ts';
import type { ModelWeights } from './weights.ts';

/** Tokens of one run of a block: enough rows for dense matrix products, scores of some MB. */
const BATCH_TOKENS = 1024;

/** Hidden states of equally long sequences, [sequences · tokens, width]. */
export interface Hidden {
  readonly values: Float32Array;
  readonly sequences: number;
  readonly tokens: number;
}

/** A model's description, weights and runtime. */
export interface Parts {
  readonly network: Network;
  readonly weights: ModelWeights;
  readonly runtime: Runtime;
}

/** Weights that stand in for the model's own, by module. */
export type Replaced = Readonly<Record<string, Float32Array>>;

export interface BlockRun {
  /** First layer and the one after the last. */
  readonly layers: readonly [from: number, to: number];
  /** Per state, for runs of a single layer. */
  readonly replaced?: readonly Replaced[] | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called after every batch of every block. */
  readonly onBatch?: ((layer: number) => void) | undefined;
  /** Called when all states are through a layer. */
  readonly onLayer?: ((layer: number) => void) | undefined;
  readonly observer?: Observer | undefined;
}

/** Looks inside blocks while they run. */
export interface Observer {
  /** Adds outputs to a block's graph, once per kind of block and size of batch. @returns their names */
  outputs(block: BlockGraph, batch: BatchSize): readonly string[];
  /** Values of the inputs that `outputs` added, for one layer. */
  feeds?(layer: number): Promise<Feeds>;
  /** What they gave, batch by batch of every block; arrays may be kept. */
  receive(layer: number, found: Readonly<Record<string, Float32Array>>, batch: ObservedBatch): void;
}

export interface ObservedBatch extends BatchSize {
  /** Position of its first sequence among all. */
  readonly first: number;
  /** The graph that `outputs` was asked about: kinds of blocks differ in their taps. */
  readonly block: BlockGraph;
}

export function batchesOf({ sequences, tokens }: Hidden): number {
  return Math.ceil(sequences / batchSequences(tokens));
}

/**
 * Replaces every state by the one after the last layer. States of equal size share each block's weights, which are
 * loaded once.
 * @throws NON_FINITE naming layer and operation; MEMORY_LIMIT when one sequence does not fit; CANCELLED, TENSOR_NOT_FOUND, SHAPE_INVALID, FILE_TRUNCATED
 */
export async function runBlocks(
  parts: Parts,
  states: readonly Hidden[],
  { layers: [from, to], replaced, signal, onBatch, onLayer, observer }: BlockRun,
): Promise<void> {
  const { network, weights, runtime } = parts;
  const { width } = network;
  const { sequences = 0, tokens = 0 } = states[0] ?? {};
  const step = batchSequences(tokens);
  const pieces = new Pieces();
  await using kinds = blockKinds(parts, tokens, observer);
  for (let layer = from; layer < to; layer++) {
    const block = network.block(layer);
    const own = await loadFeeds(parts, layer, block.weights, {}, signal);
    const asked = await observer?.feeds?.(layer);
    const kind = kinds.of(block);
    for (const [state, { values }] of states.entries()) {
      const feeds = {
        ...own,
        ...replacedFeeds(runtime, block.weights, replaced?.[state]),
        ...kind.constants,
        ...asked,
      };
      for (let first = 0; first < sequences; first += step) {
        throwIfCancelled(signal, 'running the model');
        const where = `${weights.checkpoint.name}: layer ${layer}`;
        await pieces.run(first, Math.min(step, sequences - first), where, async (begin, count) => {
          const { session, observed, graph } = await kind.of(count);
          const rows = values.subarray(begin * tokens * width, (begin + count) * tokens * width);
          const given = { ...feeds, hidden: runtime.tensor(rows, [count * tokens, width]) };
          const found = await session.run(given, ['out', ...observed]);
          const out = found.out ?? new Float32Array();
          if (!sumsToFinite(out)) {
            const origin = await firstNonFinite(runtime, block, { sequences: count, tokens }, given);
            refuseNonFinite(out, where, origin);
          }
          rows.set(out);
          observer?.receive(layer, found, { sequences: count, tokens, first: begin, block: graph });
        });
        onBatch?.(layer);
      }
    }
    onLayer?.(layer);
  }
}

/** Sequences of one run of a block. */
export function batchSequences(tokens: number): number {
  return Math.max(1, Math.floor(BATCH_TOKENS / Math.max(1, tokens)));
}

/** Weights as a graph's inputs. @param layer null for those outside the layers. @throws as `ModelWeights.load` */
export async function loadFeeds(
  { weights, runtime }: Parts,
  layer: number | null,
  layouts: WeightLayouts,
  replaced: Replaced,
  signal: AbortSignal | undefined,
): Promise<Feeds> {
  // All at once: a layer of experts has hundreds of small weights.
  const feeds = [...layouts].map(async ([module, { dimensions }]) => {
    const values = replaced[module] ?? (await weights.load(layer, module, dimensions, signal));
    return [module, runtime.tensor(values, dimensions)] as const;
  });
  return Object.fromEntries(await Promise.all(feeds));
}

/** @param replaced may name weights of other graphs too */
export function replacedFeeds(runtime: Runtime, layouts: WeightLayouts, replaced: Replaced = {}): Feeds {
  const feeds: Record<string, Tensor> = {};
  for (const [module, values] of Object.entries(replaced)) {
    const layout = layouts.get(module);
    if (layout !== undefined) feeds[module] = runtime.tensor(values, layout.dimensions);
  }
  return feeds;
}

interface BlockSession extends Built {
  readonly graph: BlockGraph;
  /** Outputs besides `out`. */
  readonly observed: readonly string[];
}

function blockKinds({ network, runtime }: Parts, tokens: number, observer: Observer | undefined) {
  return new BlockKinds<BlockSession>(runtime, tokens, async (block, sequences) => {
    const graph = block.graph({ sequences, tokens });
    graph.graph.output('out', graph.out, [sequences * tokens, network.width]);
    const observed = observer?.outputs(graph, { sequences, tokens }) ?? [];
    return { session: await runtime.session(graph.graph.build()), graph, observed };
  });
}

/** Sums of finite numbers are finite far below float32's limit, so one sum tells. */
export function sumsToFinite(values: Float32Array): boolean {
  let sum = 0;
  for (const value of values) sum += value;
  return Number.isFinite(sum);
}

/** @param origin what it began with, where that is known. @throws NON_FINITE */
export function refuseNonFinite(values: Float32Array, where: string, origin: string | null = null): void {
  if (sumsToFinite(values)) return;
  const from = origin === null ? '' : `, first in ${origin}`;
  throw new QuantscopeError('NON_FINITE', `${where}: activations are not finite${from}`);
}

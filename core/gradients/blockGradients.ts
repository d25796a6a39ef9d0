// Back through one block: gradients with respect to its weights and to the hidden states before it.

import { throwIfCancelled } from '../base/cancellation.ts';
import { BlockKinds } from '../forward/blockKinds.ts';
import { type Hidden, loadFeeds, type Parts, refuseNonFinite } from '../forward/blocks.ts';
import type { Block } from '../model/forward/family.ts';
import {
  addGradientOutputs,
  byModule,
  type GradientSession,
  type Gradients,
  gradientOf,
  weightVariables,
} from './gradientOutputs.ts';
import type { PassOptions } from './headGradients.ts';

export type GradientKinds = BlockKinds<GradientSession>;

/** What some sequences add to the gradients of a block's weights. */
export interface BlockBatch {
  readonly first: number;
  /** By module. */
  readonly weights: Gradients;
}

/** @param modulesOf weights wanted in any layer of a kind */
export function gradientKinds(
  { network, runtime }: Parts,
  tokens: number,
  modulesOf: (block: Block) => readonly string[],
): GradientKinds {
  return new BlockKinds(runtime, tokens, async (block, sequences) => {
    const dimensions = [sequences * tokens, network.width];
    const { graph, hidden, out, weights } = block.graph({ sequences, tokens });
    const upstream = graph.input('upstream', 'float32', dimensions);
    const outputs = addGradientOutputs(graph, { value: out, upstream }, [
      { name: 'hidden', value: hidden, dimensions },
      ...weightVariables(modulesOf(block), weights, block.weights),
    ]);
    return { session: await runtime.session(graph.build()), outputs };
  });
}

/**
 * @param before hidden states before the layer
 * @param upstream gradient with respect to those after it; replaced, batch by batch, by the one before it
 * @throws NON_FINITE naming the layer, MEMORY_LIMIT, CANCELLED, TENSOR_NOT_FOUND, SHAPE_INVALID, FILE_TRUNCATED
 */
export async function* blockGradients(
  parts: Parts,
  kinds: GradientKinds,
  layer: number,
  { values, sequences, tokens }: Hidden,
  upstream: Float32Array,
  { modules, step, signal }: PassOptions,
): AsyncGenerator<BlockBatch> {
  const { network, runtime, weights } = parts;
  const { width } = network;
  const block = network.block(layer);
  const kind = kinds.of(block);
  const own = await loadFeeds(parts, layer, block.weights, {}, signal);
  for (let first = 0; first < sequences; first += step) {
    throwIfCancelled(signal, 'gradients');
    const count = Math.min(step, sequences - first);
    const { session, outputs } = await kind.of(count);
    const [begin, end] = [first * tokens * width, (first + count) * tokens * width];
    const rows = (from: Float32Array) => runtime.tensor(from.subarray(begin, end), [count * tokens, width]);
    const feeds = { ...own, ...kind.constants, hidden: rows(values), upstream: rows(upstream) };
    const found = await session.run(feeds, outputs);
    const gradient = found[gradientOf('hidden')] ?? new Float32Array();
    refuseNonFinite(gradient, `${weights.checkpoint.name}: layer ${layer}`, 'gradients');
    upstream.set(gradient, begin);
    yield { first, weights: byModule(modules, found) };
  }
}

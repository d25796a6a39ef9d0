// Where a network multiplies by a checkpoint's tensors: the ones a score can change, stage by stage.

import type { TensorInfo } from '../checkpoint/checkpoint.ts';
import type { Parts, Replaced } from '../forward/blocks.ts';
import type { WeightLayouts } from '../model/forward/family.ts';
import { isQuantizable } from '../quant/ggufTypes.ts';

export interface Placed {
  readonly tensor: TensorInfo;
  /** Weights that lie in it: one, or those of all experts where they are stored stacked. */
  readonly modules: readonly { readonly module: string; readonly first: number; readonly elements: number }[];
}

/** What tensors belong to: the embedding, layer 0, 1, …, the head. A tied matrix belongs to the embedding. */
export type Stage = 'embedding' | number | 'head';

export function stagesOf({ network }: Parts): Stage[] {
  return ['embedding', ...Array.from({ length: network.layers }, (_, layer) => layer), 'head'];
}

/** Quantizable tensors of a stage, in the order the graph names them. */
export function placedIn({ network, weights }: Parts, stage: Stage): Placed[] {
  const layer = typeof stage === 'number' ? stage : null;
  const found = new Map<number, { tensor: TensorInfo; modules: Placed['modules'][number][] }>();
  for (const module of modulesOf(network, stage)) {
    const place = weights.place(layer, module);
    if (place === null || !isQuantizable(place.tensor)) continue;
    const { tensor, first, elements } = place;
    const known = found.get(tensor.index) ?? { tensor, modules: [] };
    known.modules.push({ module, first, elements });
    found.set(tensor.index, known);
  }
  return [...found.values()];
}

/** Tensors that running the network can tell something about. */
export function placedTensors(parts: Parts): Set<number> {
  return new Set(stagesOf(parts).flatMap((stage) => placedIn(parts, stage).map(({ tensor }) => tensor.index)));
}

/** A tensor's values as its weights, to stand in for them. */
export function replacing({ modules }: Placed, values: Float32Array): Replaced {
  return Object.fromEntries(
    modules.map(({ module, first, elements }) => [module, values.subarray(first, first + elements)]),
  );
}

function modulesOf(network: Parts['network'], stage: Stage): string[] {
  if (typeof stage === 'number') return [...network.block(stage).weights.keys()];
  const embedding = ['embed', ...network.embedding.weights.keys()];
  if (stage === 'embedding') return embedding;
  return [...network.head.weights.keys()].filter((module) => !embedding.includes(module));
}

/** Elements of a graph's matrices. */
export function matrixElements(layouts: WeightLayouts): number {
  let elements = 0;
  for (const { dimensions } of layouts.values())
    if (dimensions.length >= 2) elements += dimensions.reduce((a, b) => a * b, 1);
  return elements;
}

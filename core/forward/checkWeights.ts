// Before a run: every weight the network needs is there, shaped as its headers say.

import { QuantscopeError } from '../base/errors.ts';
import type { Network, WeightLayouts } from '../model/forward/family.ts';
import type { ModelWeights } from './weights.ts';

/** @throws TENSOR_NOT_FOUND, SHAPE_INVALID naming the tensor, its shape and what the configuration says */
export function checkWeights({ layers, vocabulary, block, embedding, head }: Network, weights: ModelWeights): void {
  const check = (layer: number | null, layouts: WeightLayouts): void => {
    for (const [module, { dimensions }] of layouts) weights.needed(layer, module, dimensions);
  };
  weights.needed(null, 'embed', [vocabulary, embedding.columns]);
  check(null, embedding.weights);
  for (let layer = 0; layer < layers; layer++) check(layer, block(layer).weights);
  check(null, head.weights);
  const beyond = [...block(layers - 1).weights.keys()].map((module) => weights.find(layers, module));
  const [first] = beyond.filter((tensor) => tensor !== null);
  if (first !== undefined)
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `${weights.checkpoint.name}: ${first.name} belongs to layer ${layers}, the configuration says ${layers} layers`,
    );
}

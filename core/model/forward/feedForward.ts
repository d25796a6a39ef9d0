// Feed-forward halves of a block.

import type { Value } from '../graph/graphBuilder.ts';
import type { Activation } from './activations.ts';
import type { BlockBuilder } from './blockBuilder.ts';
import { stored } from './layouts.ts';

/** Modules gate, up and down. */
export function gatedLayouts(width: number, feedForward: number) {
  return { gate: stored(feedForward, width), up: stored(feedForward, width), down: stored(width, feedForward) };
}

/** down(activation(gate(x)) · up(x)) (Shazeer 2020, arXiv 2002.05202). */
export function gatedFeedForward(
  builder: BlockBuilder,
  x: Value,
  width: number,
  feedForward: number,
  activation: Activation,
): Value {
  const { graph } = builder;
  builder.tap('ffn_in', ['gate', 'up'], x, width);
  const gated = graph.op('Mul', [activation(graph, builder.linear(x, 'gate')), builder.linear(x, 'up')]);
  builder.tap('down_in', ['down'], gated, feedForward);
  return builder.linear(gated, 'down');
}

/** down(activation(up(x))) (Vaswani et al. 2017, arXiv 1706.03762, section 3.3). */
export function plainFeedForward(
  builder: BlockBuilder,
  x: Value,
  width: number,
  feedForward: number,
  activation: Activation,
): Value {
  builder.tap('ffn_in', ['up'], x, width);
  const inner = activation(builder.graph, builder.linear(x, 'up'));
  builder.tap('down_in', ['down'], inner, feedForward);
  return builder.linear(inner, 'down');
}

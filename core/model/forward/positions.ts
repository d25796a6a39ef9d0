// Learned positions: a row of a table is added to every token's embedding.

import { QuantscopeError } from '../../base/errors.ts';
import type { Value } from '../graph/graphBuilder.ts';
import type { WeightedGraph } from './blockBuilder.ts';
import type { BatchSize } from './blockGraph.ts';

export interface PositionTable {
  /** Rows of the module "position". */
  readonly rows: number;
  /** Row of a sequence's first token. */
  readonly first: number;
  readonly width: number;
}

/**
 * @param x [sequences · tokens, width]
 * @throws SHAPE_INVALID for sequences longer than the table
 */
export function addPositions(
  builder: WeightedGraph,
  x: Value,
  { sequences, tokens }: BatchSize,
  { rows, first, width }: PositionTable,
): Value {
  const { graph } = builder;
  if (first + tokens > rows)
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `sequences of ${tokens} tokens, the model has ${rows - first} positions`,
    );
  const wanted = graph.integers(Array.from({ length: tokens }, (_, token) => first + token));
  const own = graph.op('Gather', [builder.weight('position'), wanted], { axis: 0 });
  const bySequence = graph.op('Reshape', [x, graph.integers([sequences, tokens, width])]);
  const placed = graph.op('Add', [bySequence, own]);
  return graph.op('Reshape', [placed, graph.integers([sequences * tokens, width])]);
}

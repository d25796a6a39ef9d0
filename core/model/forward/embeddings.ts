// What goes into the first block: rows of the token embedding as they are, or with learned positions added.

import { QuantscopeError } from '../../base/errors.ts';
import type { Value } from '../graph/graphBuilder.ts';
import { WeightedGraph } from './blockBuilder.ts';
import type { BatchSize } from './blockGraph.ts';
import type { Embedding, ModelHeaders } from './family.ts';
import { stored, withBiases } from './layouts.ts';

export interface PositionTable {
  /** Rows of the module "position". */
  readonly rows: number;
  /** Row of a sequence's first token. */
  readonly first: number;
  readonly width: number;
}

/** Rows of the token embedding are the hidden states. */
export function plainEmbedding(width: number): Embedding {
  return { columns: width, weights: new Map(), graph: null };
}

/** Rows brought to the stream's width by the module project_in where they are narrower, and positions. */
export function positionedEmbedding(headers: ModelHeaders, columns: number, table: PositionTable): Embedding {
  const { rows: positions, width } = table;
  const narrow = columns !== width;
  const weights = withBiases(headers, null, {
    ...(narrow ? { project_in: stored(width, columns) } : {}),
    position: stored(positions, width),
  });
  return {
    columns,
    weights,
    graph(batch) {
      const builder = new WeightedGraph('embedding', weights);
      const { graph } = builder;
      const rows = graph.input('rows', 'float32', [batch.sequences * batch.tokens, columns]);
      const wide = narrow ? builder.linear(rows, 'project_in') : rows;
      return { graph, rows, hidden: addPositions(builder, wide, batch, table), weights: builder.weights };
    },
  };
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

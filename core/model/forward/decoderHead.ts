// What follows the last block: final norm and output projection, as logits.

import { GraphBuilder, type Value } from '../graph/graphBuilder.ts';
import { rmsNorm } from './decoderBlock.ts';
import type { DecoderShape } from './decoderShape.ts';

export interface HeadGraph {
  readonly graph: GraphBuilder;
  readonly hidden: Value;
  /** [rows, vocabulary] */
  readonly logits: Value;
}

/** Inputs: `hidden` [rows, width], `norm` [width], `output` [vocabulary, width]. Has no outputs yet. */
export function decoderHead({ width, vocabulary, normEpsilon }: DecoderShape, rows: number): HeadGraph {
  const graph = new GraphBuilder('decoder head');
  const hidden = graph.input('hidden', 'float32', [rows, width]);
  const norm = graph.input('norm', 'float32', [width]);
  const output = graph.input('output', 'float32', [vocabulary, width]);
  const normed = rmsNorm(graph, hidden, norm, normEpsilon);
  return { graph, hidden, logits: graph.op('Gemm', [normed, output], { transB: 1 }) };
}

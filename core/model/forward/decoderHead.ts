// What follows the last block: final norm and output projection, as logits.

import { GraphBuilder } from '../graph/graphBuilder.ts';
import { rmsNorm } from './decoderBlock.ts';
import type { DecoderShape } from './decoderShape.ts';

/** Inputs: `hidden` [rows, width], `norm` [width], `output` [vocabulary, width]. Output: `logits` [rows, vocabulary]. */
export function decoderHead({ width, vocabulary, normEpsilon }: DecoderShape, rows: number): Uint8Array {
  const graph = new GraphBuilder('decoder head');
  const hidden = graph.input('hidden', 'float32', [rows, width]);
  const norm = graph.input('norm', 'float32', [width]);
  const output = graph.input('output', 'float32', [vocabulary, width]);
  const normed = rmsNorm(graph, hidden, norm, normEpsilon);
  graph.output('logits', graph.op('Gemm', [normed, output], { transB: 1 }), [rows, vocabulary]);
  return graph.build();
}

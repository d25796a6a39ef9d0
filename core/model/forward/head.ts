// What follows the last block of most networks: a norm and the output matrix.

import type { Value } from '../graph/graphBuilder.ts';
import { softcapped } from './activations.ts';
import { WeightedGraph } from './blockBuilder.ts';
import type { Head, ModelHeaders, WeightLayout } from './family.ts';
import { stored, withBiases } from './layouts.ts';

export interface HeadRule {
  readonly width: number;
  readonly vocabulary: number;
  /** Columns of the output matrix where they are not the stream's width. */
  readonly columns?: number;
  /** Modules of `normed`, outside the layers. */
  readonly modules: Readonly<Record<string, WeightLayout>>;
  readonly normed: (builder: WeightedGraph, hidden: Value) => Value;
  /** cap · tanh(logit / cap) (Gemma 2). */
  readonly softcap?: number | null;
}

/** Final norm and output matrix, the token embedding where the model stores no matrix of its own. */
export function outputHead(headers: ModelHeaders, rule: HeadRule): Head {
  const { width, vocabulary, columns = width, modules, normed, softcap = null } = rule;
  const output = headers.has(null, 'output') ? 'output' : 'embed';
  const weights = new Map(withBiases(headers, null, { ...modules, [output]: stored(vocabulary, columns) }));
  const inputWeights = withBiases(headers, null, modules);
  // Heads tied to the embedding keep their bias by their own name.
  if (headers.has(null, 'output.bias')) weights.set('output.bias', stored(vocabulary));
  return {
    weights,
    output,
    columns,
    inputWeights,
    inputGraph(rows) {
      const builder = new WeightedGraph('head input', inputWeights);
      const hidden = builder.graph.input('hidden', 'float32', [rows, width]);
      return { graph: builder.graph, input: normed(builder, hidden) };
    },
    graph(rows) {
      const builder = new WeightedGraph('head', weights);
      const { graph } = builder;
      const hidden = graph.input('hidden', 'float32', [rows, width]);
      const products = builder.linear(normed(builder, hidden), output);
      const apart = output === 'embed' && builder.has('output.bias');
      const logits = apart ? graph.op('Add', [products, builder.weight('output.bias')]) : products;
      const bounded = softcap === null ? logits : softcapped(graph, logits, softcap);
      return { graph, hidden, logits: bounded, weights: builder.weights };
    },
  };
}

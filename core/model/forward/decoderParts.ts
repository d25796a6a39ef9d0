// Parts that most decoders are made of: projected attention, feed-forward halves, the head, layouts with biases.

import type { Value } from '../graph/graphBuilder.ts';
import { type Activation, softcapped } from './activations.ts';
import { type Attended, attend, type HeadLayout, type ScoreRule, splitHeads } from './attention.ts';
import { type BlockBuilder, WeightedGraph } from './blockBuilder.ts';
import type { Block, Embedding, Head, ModelHeaders, WeightLayout, WeightLayouts } from './family.ts';

/** Rows of the token embedding are the hidden states. */
export function plainEmbedding(width: number): Embedding {
  return { columns: width, weights: new Map(), graph: null };
}

/** Layers with the same key share a block. @param make of the first layer that has the key */
export function blockKinds(keyOf: (layer: number) => string, make: (layer: number) => Block): (layer: number) => Block {
  const blocks = new Map<string, Block>();
  return (layer) => {
    const key = keyOf(layer);
    const block = blocks.get(key) ?? make(layer);
    blocks.set(key, block);
    return block;
  };
}

/** The modules, each with a bias of as many numbers as it gives where the model stores one. */
export function withBiases(
  { has }: Pick<ModelHeaders, 'has'>,
  layer: number | null,
  modules: Readonly<Record<string, WeightLayout>>,
): WeightLayouts {
  const layouts = new Map<string, WeightLayout>();
  for (const [module, layout] of Object.entries(modules)) {
    const outputs = layout.dimensions[layout.transposed === true ? 1 : 0] ?? 0;
    layouts.set(module, layout);
    if (has(layer, `${module}.bias`)) layouts.set(`${module}.bias`, { dimensions: [outputs] });
  }
  return layouts;
}

/** A weight of these dimensions, [out, in] or [width]. */
export function stored(...dimensions: number[]): WeightLayout {
  return { dimensions };
}

/** Modules q, k, v, o of grouped attention. */
export function attentionLayouts(width: number, { heads, keyValueHeads, headWidth }: HeadLayout) {
  return {
    q: stored(heads * headWidth, width),
    k: stored(keyValueHeads * headWidth, width),
    v: stored(keyValueHeads * headWidth, width),
    o: stored(width, heads * headWidth),
  };
}

/**
 * Self-attention through the modules q, k, v and o.
 * @param x normed hidden states, [rows, width]
 * @param prepared norms and rotates [sequences, n, tokens, headWidth] of queries ("q") and keys ("k")
 * @returns what o gives, [rows, width]
 */
export function projectedAttention(
  builder: BlockBuilder,
  x: Value,
  width: number,
  layout: HeadLayout,
  prepared: (x: Value, n: number, module: 'q' | 'k') => Value,
  rule: ScoreRule,
): { out: Value; attention: Value } {
  const { heads, keyValueHeads, headWidth } = layout;
  builder.tap('attn_in', ['q', 'k', 'v'], x, width);
  const projected = (module: string, n: number): Value => splitHeads(builder, builder.linear(x, module), n, headWidth);
  const q = prepared(projected('q', heads), heads, 'q');
  const k = prepared(projected('k', keyValueHeads), keyValueHeads, 'k');
  return attentionOut(builder, layout, attend(builder, layout, [q, k, projected('v', keyValueHeads)], rule));
}

/** The output projection o of joined heads. */
export function attentionOut(
  builder: BlockBuilder,
  { heads, headWidth }: HeadLayout,
  { joined, attention }: Attended,
): { out: Value; attention: Value } {
  builder.tap('o_in', ['o'], joined, heads * headWidth);
  return { out: builder.linear(joined, 'o'), attention };
}

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
  // Heads tied to the embedding keep their bias by their own name.
  if (headers.has(null, 'output.bias')) weights.set('output.bias', stored(vocabulary));
  return {
    weights,
    output,
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

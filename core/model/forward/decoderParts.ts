// Parts that most decoders are made of: projected attention, feed-forward halves, the head, layouts with biases.

import type { Value } from '../graph/graphBuilder.ts';
import { type Activation, softcapped } from './activations.ts';
import { attend, type HeadLayout, type ScoreRule, splitHeads } from './attention.ts';
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

/** Norms and rotates [sequences, n, tokens, headWidth] of queries ("q") and keys ("k"). */
export type Prepared = (x: Value, n: number, module: 'q' | 'k') => Value;

export interface AttentionOut {
  /** What o gives, [rows, width]. */
  readonly out: Value;
  readonly attention: Value;
}

/** Self-attention through the modules q, k, v and o. @param x normed hidden states, [rows, width] */
export function projectedAttention(
  builder: BlockBuilder,
  x: Value,
  width: number,
  layout: HeadLayout,
  prepared: Prepared,
  rule: ScoreRule,
): AttentionOut {
  const { heads, keyValueHeads, headWidth } = layout;
  builder.tap('attn_in', ['q', 'k', 'v'], x, width);
  const projected = (module: string, n: number): Value => splitHeads(builder, builder.linear(x, module), n, headWidth);
  const [q, k, v] = [projected('q', heads), projected('k', keyValueHeads), projected('v', keyValueHeads)];
  return selfAttention(builder, layout, [q, k, v], prepared, rule);
}

/** The same where queries, keys and values are one module qkv, one after the other. */
export function joinedAttention(
  builder: BlockBuilder,
  x: Value,
  width: number,
  layout: HeadLayout,
  prepared: Prepared,
  rule: ScoreRule,
): AttentionOut {
  const { heads, keyValueHeads, headWidth } = layout;
  builder.tap('attn_in', ['qkv'], x, width);
  const [own, shared] = [heads * headWidth, keyValueHeads * headWidth];
  const [q, k, v] = builder.graph.split(builder.linear(x, 'qkv'), -1, [own, shared, shared]);
  const byHead = (part: Value, n: number): Value => splitHeads(builder, part, n, headWidth);
  const parts: Heads = [byHead(q, heads), byHead(k, keyValueHeads), byHead(v, keyValueHeads)];
  return selfAttention(builder, layout, parts, prepared, rule);
}

/** Each [sequences, n, tokens, headWidth]. */
export type Heads = readonly [q: Value, k: Value, v: Value];

/** Attention of projected heads and the output projection o. */
export function selfAttention(
  builder: BlockBuilder,
  layout: HeadLayout,
  [q, k, v]: Heads,
  prepared: Prepared,
  rule: ScoreRule,
): AttentionOut {
  const { heads, keyValueHeads, headWidth } = layout;
  const ready: Heads = [prepared(q, heads, 'q'), prepared(k, keyValueHeads, 'k'), v];
  const { joined, attention } = attend(builder, layout, ready, rule);
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

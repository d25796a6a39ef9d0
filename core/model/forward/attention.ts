// Attention of grouped heads over sequences of one length.

import type { Value } from '../graph/graphBuilder.ts';
import { softcapped } from './activations.ts';
import type { BlockBuilder } from './blockBuilder.ts';
import { stored } from './layouts.ts';
import type { Settings } from './settings.ts';

export interface HeadLayout {
  readonly heads: number;
  /** Key and value heads; `heads` is a multiple. */
  readonly keyValueHeads: number;
  readonly headWidth: number;
}

/**
 * @param name of the number of heads in config.json
 * @param usual where configurations leave numbers out
 * @throws HEADER_INVALID for groups that do not divide
 */
export function readHeads(
  settings: Settings,
  width: number,
  name = 'num_attention_heads',
  usual: Partial<HeadLayout> = {},
): HeadLayout {
  const heads = settings.count(name, 'attention.head_count', usual.heads);
  const keyValueHeads =
    settings.optionalCount('num_key_value_heads', 'attention.head_count_kv') ?? usual.keyValueHeads ?? heads;
  const headWidth =
    settings.optionalCount('head_dim', 'attention.key_length') ?? usual.headWidth ?? Math.floor(width / heads);
  if (heads % keyValueHeads !== 0) settings.refuse(`${heads} heads cannot share ${keyValueHeads} heads of keys`);
  if (headWidth === 0) settings.refuse(`a width of ${width} is too small for ${heads} heads`);
  return { heads, keyValueHeads, headWidth };
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

/** [rows, n · headWidth] → [sequences, n, tokens, headWidth] */
export function splitHeads(builder: BlockBuilder, x: Value, n: number, headWidth: number): Value {
  const { graph, batch } = builder;
  const parted = graph.op('Reshape', [x, graph.integers([batch.sequences, batch.tokens, n, headWidth])]);
  return graph.op('Transpose', [parted], { perm: [0, 2, 1, 3] });
}

export interface Attended {
  /** [rows, heads · headWidth] */
  readonly joined: Value;
  /** [sequences, keyValueHeads, group, tokens, tokens] */
  readonly attention: Value;
}

export interface ScoreRule {
  /** Multiplies scores; 1 / √headWidth by default. */
  readonly scale?: number;
  /** cap · tanh(score / cap) (Gemma 2). */
  readonly softcap?: number | null;
  /** [tokens, tokens], added to scores; null where all tokens see each other. */
  readonly mask: Value | null;
}

/**
 * softmax(q · kᵀ · scale + mask) · v (Vaswani et al. 2017, arXiv 1706.03762, eq. 1), `group` query heads to each key
 * (Ainslie et al. 2023, arXiv 2305.13245).
 *
 * @param q [sequences, heads, tokens, headWidth]; k and v have keyValueHeads
 */
export function attend(
  builder: BlockBuilder,
  { heads, keyValueHeads, headWidth }: HeadLayout,
  [q, k, v]: readonly [q: Value, k: Value, v: Value],
  { scale = 1 / Math.sqrt(headWidth), softcap = null, mask }: ScoreRule,
): Attended {
  const { graph, batch, rows } = builder;
  const { sequences, tokens } = batch;
  const group = heads / keyValueHeads;
  const reshape = (x: Value, ...dimensions: number[]): Value => graph.op('Reshape', [x, graph.integers(dimensions)]);
  // Heads of a group stand below each other, so that each key head is one matrix product.
  const queries = reshape(q, sequences, keyValueHeads, group * tokens, headWidth);
  const product = graph.op('MatMul', [queries, graph.op('Transpose', [k], { perm: [0, 1, 3, 2] })]);
  let scores = graph.op('Mul', [product, graph.scalar(scale)]);
  if (softcap !== null) scores = softcapped(graph, scores, softcap);
  scores = reshape(scores, sequences, keyValueHeads, group, tokens, tokens);
  if (mask !== null) scores = graph.op('Add', [scores, mask]);
  const attention = graph.op('Softmax', [scores], { axis: -1 });
  const mixed = graph.op('MatMul', [reshape(attention, sequences, keyValueHeads, group * tokens, tokens), v]);
  const byToken = graph.op('Transpose', [reshape(mixed, sequences, heads, tokens, headWidth)], { perm: [0, 2, 1, 3] });
  return { joined: reshape(byToken, rows, heads * headWidth), attention };
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

// Attention of grouped heads over sequences of one length.

import type { Value } from '../graph/graphBuilder.ts';
import { softcapped } from './activations.ts';
import type { BlockBuilder } from './blockBuilder.ts';
import type { Settings } from './settings.ts';

export interface HeadLayout {
  readonly heads: number;
  /** Key and value heads; `heads` is a multiple. */
  readonly keyValueHeads: number;
  readonly headWidth: number;
}

/** @param heads name of their number in config.json. @throws HEADER_INVALID for groups that do not divide */
export function readHeads(settings: Settings, width: number, name = 'num_attention_heads'): HeadLayout {
  const heads = settings.count(name, 'attention.head_count');
  const keyValueHeads = settings.optionalCount('num_key_value_heads', 'attention.head_count_kv') ?? heads;
  const headWidth = settings.optionalCount('head_dim', 'attention.key_length') ?? Math.floor(width / heads);
  if (heads % keyValueHeads !== 0) settings.refuse(`${heads} heads cannot share ${keyValueHeads} heads of keys`);
  if (headWidth === 0) settings.refuse(`a width of ${width} is too small for ${heads} heads`);
  return { heads, keyValueHeads, headWidth };
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

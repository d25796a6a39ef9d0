// What decoders of all families have in common: blocks in which tokens see those before them, one last norm and an
// output matrix. A family says where it differs.

import type { BatchSize, BlockGraph } from './blockGraph.ts';
import { plainEmbedding } from './embeddings.ts';
import type { Block, Embedding, ModelHeaders, Network, WeightLayouts } from './family.ts';
import { type HeadRule, outputHead } from './head.ts';
import { stored } from './layouts.ts';
import { causalMask } from './masks.ts';
import type { Norm } from './norms.ts';
import { type Rope, rotaryTables } from './rope.ts';
import type { Settings } from './settings.ts';
import { type SizeKeys, USUAL_KEYS } from './sizes.ts';

export interface DecoderRule {
  readonly width: number;
  /** The last one, module "norm". */
  readonly norm: Norm;
  readonly block: Network['block'];
  readonly keys?: SizeKeys;
  /** Where a file does not say. */
  readonly usualContext?: number | undefined;
  /** Rows of the token embedding as they are, when left out. */
  readonly embedding?: (context: number) => Embedding;
  /** Where the head is not the norm and the output matrix alone. */
  readonly head?: Partial<HeadRule>;
}

/** @throws HEADER_INVALID for missing numbers */
export function decoderNetwork(settings: Settings, headers: ModelHeaders, rule: DecoderRule): Network {
  const { width, norm, block, usualContext, embedding = () => plainEmbedding(width), head } = rule;
  const keys = { ...USUAL_KEYS, ...rule.keys };
  const vocabulary = headers.vocabulary ?? settings.count('vocab_size', 'vocab_size');
  const context = settings.count(keys.context, 'context_length', usualContext);
  return {
    layers: settings.count(keys.layers, 'block_count'),
    width,
    vocabulary,
    context,
    causal: true,
    embedding: embedding(context),
    block,
    head: outputHead(headers, {
      width,
      vocabulary,
      modules: { norm: stored(width) },
      normed: (builder, hidden) => norm(builder, hidden, 'norm'),
      ...head,
    }),
  };
}

/** A block under a causal mask. @param rope null without rotation @param window tokens a token sees; null for all */
export function causalBlock(
  weights: WeightLayouts,
  graph: (batch: BatchSize) => BlockGraph,
  { rope = null, window = null }: { readonly rope?: Rope | null; readonly window?: number | null } = {},
): Block {
  return {
    weights,
    graph,
    constants: (tokens) => ({
      ...(rope === null ? {} : rotaryTables(rope, tokens)),
      mask: causalMask(tokens, window),
    }),
  };
}

// Sizes of a network under their usual names, and what blocks of every family are made of.

import { type Activation, activationOf } from './activations.ts';
import { type HeadLayout, readHeads } from './attention.ts';
import type { WeightLayouts } from './family.ts';
import type { Norm } from './norms.ts';
import type { Settings } from './settings.ts';

/** config.json's names; those of GGUF are the same for all families. */
export const USUAL_KEYS = {
  width: 'hidden_size',
  feedForward: 'intermediate_size',
  heads: 'num_attention_heads',
  activation: 'hidden_act',
  layers: 'num_hidden_layers',
  context: 'max_position_embeddings',
};

export type SizeKeys = Partial<typeof USUAL_KEYS>;

export interface Sizes extends HeadLayout {
  readonly width: number;
  readonly feedForward: number;
  readonly activation: Activation;
}

/** What a block's graph is made of; families add what only theirs have. */
export interface BlockShape extends Sizes {
  readonly norm: Norm;
  readonly weights: WeightLayouts;
}

export interface UsualSizes extends Partial<HeadLayout> {
  readonly activation: Activation;
  /** The feed-forward's width in widths of the stream. */
  readonly feedForwardRatio?: number;
}

/** @param usual where a file does not say @throws HEADER_INVALID for missing or contradicting numbers */
export function readSizes(settings: Settings, usual: UsualSizes, named: SizeKeys = {}): Sizes {
  const keys = { ...USUAL_KEYS, ...named };
  const { feedForwardRatio } = usual;
  const width = settings.count(keys.width, 'embedding_length');
  const feedForward =
    feedForwardRatio === undefined
      ? settings.count(keys.feedForward, 'feed_forward_length')
      : (settings.optionalCount(keys.feedForward, 'feed_forward_length') ?? feedForwardRatio * width);
  return {
    ...readHeads(settings, width, keys.heads, usual),
    width,
    feedForward,
    activation: activationOf(settings, keys.activation, usual.activation),
  };
}

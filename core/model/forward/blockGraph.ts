// One block of a network as a graph under construction: what flows through it, and what its linear layers multiply.

import type { GraphBuilder, Value } from '../graph/graphBuilder.ts';

export interface BatchSize {
  readonly sequences: number;
  readonly tokens: number;
}

/** A value that linear layers take as their input. */
export interface Tap {
  /** "attn_in", "o_in", "ffn_in", "down_in"; experts append their number. */
  readonly name: string;
  /** The weights that multiply it, by grid column. */
  readonly modules: readonly string[];
  /** [rows, columns]: one row per token that reaches the layers. */
  readonly value: Value;
  readonly columns: number;
}

/** Whoever runs a block adds the outputs it wants to `graph` and builds it. */
export interface BlockGraph {
  readonly graph: GraphBuilder;
  /** [sequences · tokens, width] */
  readonly hidden: Value;
  /** Shaped like `hidden`. */
  readonly out: Value;
  /** By grid column. */
  readonly weights: ReadonlyMap<string, Value>;
  readonly taps: readonly Tap[];
  /** Softmax of the attention scores, [sequences, keyValueHeads, group, tokens, tokens]: row = looking token. */
  readonly attention: Value;
}

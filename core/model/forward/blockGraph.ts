// Parts of a network as graphs under construction: what flows through them, and what their linear layers multiply.

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
  /** [1]: how many rows reached the layers in this run, where it is the router's choice (experts); absent: all rows. */
  readonly reached?: Value;
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

/** Rows of the token embedding → hidden states before the first block. */
export interface EmbeddingGraph {
  readonly graph: GraphBuilder;
  /** [sequences · tokens, columns of the embedding] */
  readonly rows: Value;
  /** [sequences · tokens, width] */
  readonly hidden: Value;
  /** By grid column, without the embedding itself. */
  readonly weights: ReadonlyMap<string, Value>;
}

/** What follows the last block: hidden states → logits. */
export interface HeadGraph {
  readonly graph: GraphBuilder;
  /** [rows, width] */
  readonly hidden: Value;
  /** [rows, vocabulary] */
  readonly logits: Value;
  /** By grid column. */
  readonly weights: ReadonlyMap<string, Value>;
}

/** Hidden states → what the output matrix multiplies. */
export interface HeadInputGraph {
  readonly graph: GraphBuilder;
  /** [rows, columns of the output matrix] */
  readonly input: Value;
}

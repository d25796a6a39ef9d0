// What running a model needs to know of its architecture: a family reads headers into a network of graphs.

import type { JsonObject } from '../../base/jsonObject.ts';
import type { BatchSize, BlockGraph, EmbeddingGraph, HeadGraph, HeadInputGraph } from './blockGraph.ts';
import type { Settings } from './settings.ts';

/** Architectures that share block graphs. One file and one line in families/index.ts each. */
export interface Family {
  /** As messages name it. */
  readonly name: string;
  /** `architectures` of config.json (classes of transformers) → `model_type`. */
  readonly classes: Readonly<Record<string, string>>;
  /** `general.architecture` of GGUF files. */
  readonly gguf: readonly string[];
  /** @throws HEADER_INVALID for missing or contradicting numbers, UNSUPPORTED_ARCHITECTURE for switches without a graph */
  network(settings: Settings, headers: ModelHeaders): Network;
}

/** Headers of one open model. */
export interface ModelHeaders {
  readonly name: string;
  readonly config: JsonObject | null;
  /** GGUF key-values by name; null for other formats. */
  readonly gguf: ((key: string) => unknown) | null;
  /** Rows of the token embedding; null without one. */
  readonly vocabulary: number | null;
  /** Names of tensors that have no known place. */
  readonly unplaced: readonly string[];
  /** True when a layer (null: what lies outside layers) has this module ("q_norm", "q.bias"). */
  has(layer: number | null, module: string): boolean;
  /** Divisors of rotary frequencies that a GGUF file stores as a tensor ("rope_freqs"); null without them. */
  divisors(module: string): Float32Array | null;
}

/** Pure description: no values of weights, nothing that grows with the number of layers. */
export interface Network {
  readonly layers: number;
  /** Width of the residual stream. */
  readonly width: number;
  /** Rows of the token embedding: padded ones have more than the tokenizer has tokens. */
  readonly vocabulary: number;
  /** Tokens the model was made for. */
  readonly context: number;
  /** False where tokens see those after them (encoders): no likelihood of a text, only of masked tokens. */
  readonly causal: boolean;
  readonly embedding: Embedding;
  /** Layers that share a graph give the same object, so it can key sessions and constants. */
  block(layer: number): Block;
  readonly head: Head;
}

/** One kind of layer: all with local attention, all with experts, … */
export interface Block {
  readonly weights: WeightLayouts;
  /** Inputs: `hidden`, the constants and the weights. Has no outputs yet. */
  graph(batch: BatchSize): BlockGraph;
  /** Inputs that depend on the number of tokens only: masks, rotary tables. */
  constants(tokens: number): Readonly<Record<string, Constant>>;
}

/** By grid column, which also names the graph's input. */
export type WeightLayouts = ReadonlyMap<string, WeightLayout>;

/** A weight as it is stored: graphs take it so, whatever it computes (joined projections are split in the graph). */
export interface WeightLayout {
  readonly dimensions: readonly number[];
  /** Stored [in, out] (GPT-2's Conv1D) where linear layers are [out, in]. */
  readonly transposed?: true;
}

export interface Constant {
  readonly values: Float32Array;
  readonly dimensions: readonly number[];
}

export interface Embedding {
  /** Width of a row of the token embedding. */
  readonly columns: number;
  /** Besides the token embedding. */
  readonly weights: WeightLayouts;
  /** Input: `rows`, and the weights. Has no outputs yet. Null where rows are the hidden states. */
  readonly graph: ((batch: BatchSize) => EmbeddingGraph) | null;
}

export interface Head {
  readonly weights: WeightLayouts;
  /** Module of the output matrix, [vocabulary, columns]: "output", or "embed" where the two are tied. */
  readonly output: string;
  /** Columns of the output matrix. */
  readonly columns: number;
  /** Inputs: `hidden` and the weights. Has no outputs yet. */
  graph(rows: number): HeadGraph;
  /** What comes before the output matrix. Inputs: `hidden` and `inputWeights`. */
  readonly inputWeights: WeightLayouts;
  inputGraph(rows: number): HeadInputGraph;
}

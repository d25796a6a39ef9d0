// OPT: learned positions that begin at row 2, ReLU, LayerNorms before both halves – or behind them in the 350 M model,
// whose embeddings are also narrower than its stream (Zhang et al. 2022, arXiv 2205.01068).

import type { Value } from '../../graph/graphBuilder.ts';
import { type Activation, activationOf, relu } from '../activations.ts';
import { attentionLayouts, type HeadLayout, projectedAttention, readHeads } from '../attention.ts';
import { BlockBuilder } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph } from '../blockGraph.ts';
import { positionedEmbedding } from '../embeddings.ts';
import type { Block, Family, ModelHeaders, Network, WeightLayouts } from '../family.ts';
import { plainFeedForward } from '../feedForward.ts';
import { outputHead } from '../head.ts';
import { stored, withBiases } from '../layouts.ts';
import { causalMask } from '../masks.ts';
import { layerNorm } from '../norms.ts';
import type { Settings } from '../settings.ts';

// llama.cpp has no graph of OPT.
export const OPT: Family = { name: 'OPT', classes: { OPTForCausalLM: 'opt' }, gguf: [], network };

/** Rows of the position table before the first token's: fairseq counted from behind the padding token. */
const FIRST_POSITION = 2;
/** torch.nn.LayerNorm's; OPT's configurations name none. */
const NORM_EPSILON = 1e-5;

interface Shape extends HeadLayout {
  readonly width: number;
  readonly feedForward: number;
  readonly activation: Activation;
  readonly normFirst: boolean;
  readonly weights: WeightLayouts;
}

function network(settings: Settings, headers: ModelHeaders): Network {
  const shape = readShape(settings, headers);
  const { width } = shape;
  const columns = settings.optionalCount('word_embed_proj_dim', '') ?? width;
  const vocabulary = headers.vocabulary ?? settings.count('vocab_size', '');
  const context = settings.count('max_position_embeddings', '');
  const block: Block = {
    weights: shape.weights,
    graph: (batch) => blockGraph(shape, batch),
    constants: (tokens) => ({ mask: causalMask(tokens) }),
  };
  const narrow = columns !== width;
  // Models with norms behind both halves have no final one.
  const final = headers.has(null, 'norm') ? { norm: stored(width) } : {};
  return {
    layers: settings.count('num_hidden_layers', ''),
    width,
    vocabulary,
    context,
    causal: true,
    embedding: positionedEmbedding(headers, columns, {
      rows: context + FIRST_POSITION,
      first: FIRST_POSITION,
      width,
    }),
    block: () => block,
    head: outputHead(headers, {
      width,
      vocabulary,
      columns,
      modules: { ...final, ...(narrow ? { project_out: stored(columns, width) } : {}) },
      normed(builder, hidden) {
        const normed = builder.has('norm') ? layerNorm(builder, hidden, 'norm', NORM_EPSILON) : hidden;
        return narrow ? builder.linear(normed, 'project_out') : normed;
      },
    }),
  };
}

function readShape(settings: Settings, headers: ModelHeaders): Shape {
  const width = settings.count('hidden_size', '');
  const feedForward = settings.count('ffn_dim', '');
  const layout = readHeads(settings, width);
  return {
    ...layout,
    width,
    feedForward,
    activation: activationOf(settings, 'activation_function', relu),
    normFirst: settings.flag('do_layer_norm_before', '') ?? true,
    weights: withBiases(headers, 0, {
      attn_norm: stored(width),
      ...attentionLayouts(width, layout),
      ffn_norm: stored(width),
      up: stored(feedForward, width),
      down: stored(width, feedForward),
    }),
  };
}

function blockGraph(shape: Shape, batch: BatchSize): BlockGraph {
  const { width, feedForward, activation, normFirst } = shape;
  const builder = new BlockBuilder(shape.weights, width, batch);
  const { graph, hidden } = builder;
  const mask = builder.constant('mask', [batch.tokens, batch.tokens]);
  const before = (x: Value, module: string): Value => (normFirst ? layerNorm(builder, x, module, NORM_EPSILON) : x);
  const behind = (x: Value, module: string): Value => (normFirst ? x : layerNorm(builder, x, module, NORM_EPSILON));
  const attended = projectedAttention(builder, before(hidden, 'attn_norm'), width, shape, (x) => x, { mask });
  const middle = behind(graph.op('Add', [hidden, attended.out]), 'attn_norm');
  const fed = plainFeedForward(builder, before(middle, 'ffn_norm'), width, feedForward, activation);
  return builder.finish(behind(graph.op('Add', [middle, fed]), 'ffn_norm'), attended.attention);
}

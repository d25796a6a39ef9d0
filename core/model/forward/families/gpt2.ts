// GPT-2: LayerNorms before both halves, learned positions, queries, keys and values in one matrix (Radford et al. 2019).
// transformers stores its linear layers as Conv1D, [in, out]; llama.cpp's files as all others.

import { type Activation, activationOf, geluTanh } from '../activations.ts';
import { type HeadLayout, joinedAttention, readHeads } from '../attention.ts';
import { BlockBuilder, blockKinds } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph } from '../blockGraph.ts';
import { positionedEmbedding } from '../embeddings.ts';
import type { Block, Family, ModelHeaders, Network, WeightLayout, WeightLayouts } from '../family.ts';
import { plainFeedForward } from '../feedForward.ts';
import { outputHead } from '../head.ts';
import { stored, withBiases } from '../layouts.ts';
import { causalMask } from '../masks.ts';
import { layerNorm } from '../norms.ts';
import type { Settings } from '../settings.ts';

export const GPT2: Family = { name: 'GPT-2', classes: { GPT2LMHeadModel: 'gpt2' }, gguf: ['gpt2'], network };

interface Shape extends HeadLayout {
  readonly width: number;
  readonly feedForward: number;
  readonly normEpsilon: number;
  readonly activation: Activation;
  readonly weights: WeightLayouts;
}

function network(settings: Settings, headers: ModelHeaders): Network {
  const shape = readShape(settings, headers);
  const { width, normEpsilon, headWidth } = shape;
  const vocabulary = headers.vocabulary ?? settings.count('vocab_size', 'vocab_size');
  const context = settings.count('n_positions', 'context_length');
  const usualScale = settings.flag('scale_attn_weights', '') === false ? 1 : 1 / Math.sqrt(headWidth);
  const byLayer = settings.flag('scale_attn_by_inverse_layer_idx', '') === true;
  return {
    layers: settings.count('n_layer', 'block_count'),
    width,
    vocabulary,
    context,
    causal: true,
    embedding: positionedEmbedding(headers, width, { rows: context, first: 0, width }),
    block: blockKinds(
      (layer) => (byLayer ? `${layer}` : ''),
      (layer) => blockOf(shape, byLayer ? usualScale / (layer + 1) : usualScale),
    ),
    head: outputHead(headers, {
      width,
      vocabulary,
      modules: { norm: stored(width) },
      normed: (builder, hidden) => layerNorm(builder, hidden, 'norm', normEpsilon),
    }),
  };
}

function readShape(settings: Settings, headers: ModelHeaders): Shape {
  const width = settings.count('n_embd', 'embedding_length');
  const feedForward = settings.optionalCount('n_inner', 'feed_forward_length') ?? 4 * width;
  const layout = readHeads(settings, width, 'n_head');
  const inner = layout.heads * layout.headWidth;
  const linear = (outputs: number, inputs: number): WeightLayout =>
    settings.fromGguf ? stored(outputs, inputs) : { dimensions: [inputs, outputs], transposed: true };
  return {
    ...layout,
    width,
    feedForward,
    normEpsilon: settings.number('layer_norm_epsilon', 'attention.layer_norm_epsilon') ?? 1e-5,
    activation: activationOf(settings, 'activation_function', geluTanh),
    weights: withBiases(headers, 0, {
      attn_norm: stored(width),
      qkv: linear(3 * inner, width),
      o: linear(width, inner),
      ffn_norm: stored(width),
      up: linear(feedForward, width),
      down: linear(width, feedForward),
    }),
  };
}

function blockOf(shape: Shape, scale: number): Block {
  return {
    weights: shape.weights,
    graph: (batch) => blockGraph(shape, scale, batch),
    constants: (tokens) => ({ mask: causalMask(tokens) }),
  };
}

function blockGraph(shape: Shape, scale: number, batch: BatchSize): BlockGraph {
  const { width, feedForward, normEpsilon, activation } = shape;
  const builder = new BlockBuilder(shape.weights, width, batch);
  const { graph, hidden } = builder;
  const mask = builder.constant('mask', [batch.tokens, batch.tokens]);
  const normed = layerNorm(builder, hidden, 'attn_norm', normEpsilon);
  const attended = joinedAttention(builder, normed, width, shape, (x) => x, { mask, scale });
  const middle = graph.op('Add', [hidden, attended.out]);
  const inner = layerNorm(builder, middle, 'ffn_norm', normEpsilon);
  const fed = plainFeedForward(builder, inner, width, feedForward, activation);
  return builder.finish(graph.op('Add', [middle, fed]), attended.attention);
}

// Llama and what is built like it: RMS norms before both halves, rotary positions, grouped heads, gated feed-forward
// (Touvron et al. 2023, arXiv 2302.13971). Qwen 2 adds biases, Qwen 3 norms of heads, Mistral a sliding window; Mixtral
// and Qwen MoE have experts where others have one feed-forward.

import type { Value } from '../../graph/graphBuilder.ts';
import { type Activation, activationOf, silu } from '../activations.ts';
import { attentionLayouts, type HeadLayout, projectedAttention, readHeads } from '../attention.ts';
import { BlockBuilder, blockKinds } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph } from '../blockGraph.ts';
import { plainEmbedding } from '../embeddings.ts';
import { type Experts, expertLayouts, mixtureOfExperts } from '../experts.ts';
import type { Block, Family, ModelHeaders, Network, WeightLayouts } from '../family.ts';
import { gatedFeedForward, gatedLayouts } from '../feedForward.ts';
import { outputHead } from '../head.ts';
import { stored, withBiases } from '../layouts.ts';
import { causalMask, layerWindows } from '../masks.ts';
import { rmsNorm } from '../norms.ts';
import { readExperts } from '../readExperts.ts';
import { type Rope, readRope, rotaryTables, rotation } from '../rope.ts';
import type { Settings } from '../settings.ts';

export const LLAMA: Family = {
  name: 'Llama, Mistral, Mixtral, Qwen 2 and Qwen 3 (MoE too)',
  classes: {
    LlamaForCausalLM: 'llama',
    MistralForCausalLM: 'mistral',
    MixtralForCausalLM: 'mixtral',
    Qwen2ForCausalLM: 'qwen2',
    Qwen2MoeForCausalLM: 'qwen2_moe',
    Qwen3ForCausalLM: 'qwen3',
    Qwen3MoeForCausalLM: 'qwen3_moe',
  },
  // Mixtral's files say llama.
  gguf: ['llama', 'qwen2', 'qwen2moe', 'qwen3', 'qwen3moe'],
  network,
};

interface Shape extends HeadLayout {
  readonly width: number;
  readonly feedForward: number;
  readonly normEpsilon: number;
  readonly activation: Activation;
  readonly rope: Rope;
  /** In place of the feed-forward. */
  readonly experts: Experts | null;
  readonly weights: WeightLayouts;
}

function network(settings: Settings, headers: ModelHeaders): Network {
  const { width, normEpsilon } = readShape(settings, headers, 0);
  const vocabulary = headers.vocabulary ?? settings.count('vocab_size', 'vocab_size');
  const windowOf = windows(settings);
  const expertsOf = (layer: number): string =>
    ['router', 'expert_gate_up.0'].filter((module) => headers.has(layer, module)).join();
  return {
    layers: settings.count('num_hidden_layers', 'block_count'),
    width,
    vocabulary,
    context: settings.count('max_position_embeddings', 'context_length'),
    causal: true,
    embedding: plainEmbedding(width),
    block: blockKinds(
      (layer) => `${expertsOf(layer)} ${windowOf(layer)}`,
      (layer) => blockOf(readShape(settings, headers, layer), windowOf(layer)),
    ),
    head: outputHead(headers, {
      width,
      vocabulary,
      modules: { norm: stored(width) },
      normed: (builder, hidden) => rmsNorm(builder.graph, hidden, builder.weight('norm'), normEpsilon),
    }),
  };
}

function readShape(settings: Settings, headers: ModelHeaders, layer: number): Shape {
  const width = settings.count('hidden_size', 'embedding_length');
  const feedForward = settings.count('intermediate_size', 'feed_forward_length');
  const layout = readHeads(settings, width);
  const { headWidth } = layout;
  const mixtral = settings.architecture === 'mixtral';
  const rope = readRope(settings, headers, headWidth, { usualBase: mixtral ? 1e6 : 1e4 });
  const experts = readExperts(settings, headers, layer, width);
  return {
    ...layout,
    width,
    feedForward,
    normEpsilon: settings.number('rms_norm_eps', 'attention.layer_norm_rms_epsilon') ?? (mixtral ? 1e-5 : 1e-6),
    activation: activationOf(settings, 'hidden_act', silu),
    // llama.cpp permutes q and k of its Llama graph so that neighbours rotate together.
    rope: settings.fromGguf && settings.architecture === 'llama' ? { ...rope, order: 'pairs' } : rope,
    experts,
    weights: withBiases(headers, layer, {
      attn_norm: stored(width),
      ...attentionLayouts(width, layout),
      ...(headers.has(layer, 'q_norm') ? { q_norm: stored(headWidth), k_norm: stored(headWidth) } : {}),
      ffn_norm: stored(width),
      ...(experts === null ? gatedLayouts(width, feedForward) : expertLayouts(width, experts)),
    }),
  };
}

function windows(settings: Settings): (layer: number) => number | null {
  // llama.cpp's graphs of these architectures have none.
  if (settings.fromGguf || settings.architecture === 'llama') return () => null;
  if (['mistral', 'mixtral'].includes(settings.architecture)) return layerWindows(settings, () => true);
  if (settings.flag('use_sliding_window', '') !== true) return () => null;
  const first = settings.number('max_window_layers', '') ?? 28;
  return layerWindows(settings, (layer) => layer >= first);
}

function blockOf(shape: Shape, window: number | null): Block {
  return {
    weights: shape.weights,
    graph: (batch) => blockGraph(shape, batch),
    constants: (tokens) => ({ ...rotaryTables(shape.rope, tokens), mask: causalMask(tokens, window) }),
  };
}

function blockGraph(shape: Shape, batch: BatchSize): BlockGraph {
  const { width, feedForward, normEpsilon, activation, experts } = shape;
  const builder = new BlockBuilder(shape.weights, width, batch);
  const { graph, hidden } = builder;
  const mask = builder.constant('mask', [batch.tokens, batch.tokens]);
  const rotate = rotation(builder, shape.rope, shape.headWidth);
  const normed = (x: Value, module: string): Value => rmsNorm(graph, x, builder.weight(module), normEpsilon);
  const prepared = (x: Value, n: number, module: string): Value =>
    rotate(builder.has(`${module}_norm`) ? normed(x, `${module}_norm`) : x, n);
  const attended = projectedAttention(builder, normed(hidden, 'attn_norm'), width, shape, prepared, { mask });
  const middle = graph.op('Add', [hidden, attended.out]);
  const inner = normed(middle, 'ffn_norm');
  const fed =
    experts === null
      ? gatedFeedForward(builder, inner, width, feedForward, activation)
      : mixtureOfExperts(builder, inner, width, experts, activation);
  return builder.finish(graph.op('Add', [middle, fed]), attended.attention);
}

// Llama and what is built like it: RMS norms before both halves, rotary positions, grouped heads, gated feed-forward
// (Touvron et al. 2023, arXiv 2302.13971). Qwen 2 adds biases, Qwen 3 norms of heads, Mistral a sliding window; Mixtral
// and Qwen MoE have experts where others have one feed-forward.

import type { Value } from '../../graph/graphBuilder.ts';
import { silu } from '../activations.ts';
import { attentionLayouts, projectedAttention } from '../attention.ts';
import { BlockBuilder, blockKinds } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph } from '../blockGraph.ts';
import { causalBlock, decoderNetwork } from '../decoderNetwork.ts';
import { type Experts, expertLayouts, mixtureOfExperts } from '../experts.ts';
import type { Family, ModelHeaders, Network } from '../family.ts';
import { gatedFeedForward, gatedLayouts } from '../feedForward.ts';
import { stored, withBiases } from '../layouts.ts';
import { layerWindows } from '../masks.ts';
import { rmsNorms } from '../norms.ts';
import { readExperts } from '../readExperts.ts';
import { type Rope, readRope, rotation } from '../rope.ts';
import type { Settings } from '../settings.ts';
import { type BlockShape, readSizes } from '../sizes.ts';

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

interface Shape extends BlockShape {
  readonly rope: Rope;
  /** In place of the feed-forward. */
  readonly experts: Experts | null;
}

function network(settings: Settings, headers: ModelHeaders): Network {
  const { width, norm } = readShape(settings, headers, 0);
  const windowOf = windows(settings);
  const expertsOf = (layer: number): string =>
    ['router', 'expert_gate_up.0'].filter((module) => headers.has(layer, module)).join();
  const block = blockKinds(
    (layer) => `${expertsOf(layer)} ${windowOf(layer)}`,
    (layer) => {
      const shape = readShape(settings, headers, layer);
      const { weights, rope } = shape;
      return causalBlock(weights, (batch) => blockGraph(shape, batch), { rope, window: windowOf(layer) });
    },
  );
  return decoderNetwork(settings, headers, { width, norm, block });
}

function readShape(settings: Settings, headers: ModelHeaders, layer: number): Shape {
  const sizes = readSizes(settings, { activation: silu });
  const { width, feedForward, headWidth } = sizes;
  const mixtral = settings.architecture === 'mixtral';
  const rope = readRope(settings, headers, headWidth, { usualBase: mixtral ? 1e6 : 1e4 });
  const experts = readExperts(settings, headers, layer, width);
  const epsilon = settings.number('rms_norm_eps', 'attention.layer_norm_rms_epsilon') ?? (mixtral ? 1e-5 : 1e-6);
  return {
    ...sizes,
    norm: rmsNorms(epsilon),
    // llama.cpp permutes q and k of its Llama graph so that neighbours rotate together.
    rope: settings.fromGguf && settings.architecture === 'llama' ? { ...rope, order: 'pairs' } : rope,
    experts,
    weights: withBiases(headers, layer, {
      attn_norm: stored(width),
      ...attentionLayouts(width, sizes),
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

function blockGraph(shape: Shape, batch: BatchSize): BlockGraph {
  const { width, feedForward, activation, experts, norm } = shape;
  const builder = new BlockBuilder(shape.weights, width, batch);
  const { graph, hidden } = builder;
  const mask = builder.constant('mask', [batch.tokens, batch.tokens]);
  const rotate = rotation(builder, shape.rope, shape.headWidth);
  const normed = (x: Value, module: string): Value => norm(builder, x, module);
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

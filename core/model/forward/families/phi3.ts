// Phi 3 and Phi 4: Llama's blocks with queries, keys and values in one matrix, gate and up in another, part of each head
// rotated (Abdin et al. 2024, arXiv 2404.14219).

import type { Value } from '../../graph/graphBuilder.ts';
import { type Activation, activationOf, silu } from '../activations.ts';
import { type HeadLayout, joinedAttention, readHeads } from '../attention.ts';
import { BlockBuilder } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph } from '../blockGraph.ts';
import { plainEmbedding } from '../embeddings.ts';
import type { Block, Family, ModelHeaders, Network, WeightLayouts } from '../family.ts';
import { outputHead } from '../head.ts';
import { stored, withBiases } from '../layouts.ts';
import { causalMask } from '../masks.ts';
import { rmsNorm } from '../norms.ts';
import { type Rope, readRope, rotaryTables, rotation } from '../rope.ts';
import type { Settings } from '../settings.ts';

export const PHI3: Family = { name: 'Phi 3', classes: { Phi3ForCausalLM: 'phi3' }, gguf: ['phi3'], network };

interface Shape extends HeadLayout {
  readonly width: number;
  readonly feedForward: number;
  readonly normEpsilon: number;
  readonly activation: Activation;
  readonly rope: Rope;
  readonly weights: WeightLayouts;
}

function network(settings: Settings, headers: ModelHeaders): Network {
  const shape = readShape(settings, headers);
  const { width, normEpsilon, rope } = shape;
  const vocabulary = headers.vocabulary ?? settings.count('vocab_size', 'vocab_size');
  // Windows that GGUF files of Phi 3 name are not reliable; llama.cpp ignores them (its pull request 13676).
  const window = settings.fromGguf ? null : settings.optionalCount('sliding_window', '');
  const block: Block = {
    weights: shape.weights,
    graph: (batch) => blockGraph(shape, batch),
    constants: (tokens) => ({ ...rotaryTables(rope, tokens), mask: causalMask(tokens, window) }),
  };
  return {
    layers: settings.count('num_hidden_layers', 'block_count'),
    width,
    vocabulary,
    context: settings.count('max_position_embeddings', 'context_length'),
    causal: true,
    embedding: plainEmbedding(width),
    block: () => block,
    head: outputHead(headers, {
      width,
      vocabulary,
      modules: { norm: stored(width) },
      normed: (builder, hidden) => rmsNorm(builder.graph, hidden, builder.weight('norm'), normEpsilon),
    }),
  };
}

function readShape(settings: Settings, headers: ModelHeaders): Shape {
  const width = settings.count('hidden_size', 'embedding_length');
  const feedForward = settings.count('intermediate_size', 'feed_forward_length');
  const layout = readHeads(settings, width);
  const { heads, keyValueHeads, headWidth } = layout;
  return {
    ...layout,
    width,
    feedForward,
    normEpsilon: settings.number('rms_norm_eps', 'attention.layer_norm_rms_epsilon') ?? 1e-5,
    activation: activationOf(settings, 'hidden_act', silu),
    rope: readRope(settings, headers, headWidth),
    weights: withBiases(headers, 0, {
      attn_norm: stored(width),
      qkv: stored((heads + 2 * keyValueHeads) * headWidth, width),
      o: stored(width, heads * headWidth),
      ffn_norm: stored(width),
      gate_up: stored(2 * feedForward, width),
      down: stored(width, feedForward),
    }),
  };
}

function blockGraph(shape: Shape, batch: BatchSize): BlockGraph {
  const { width, feedForward, normEpsilon, activation } = shape;
  const builder = new BlockBuilder(shape.weights, width, batch);
  const { graph, hidden } = builder;
  const mask = builder.constant('mask', [batch.tokens, batch.tokens]);
  const rotate = rotation(builder, shape.rope, shape.headWidth);
  const normed = (x: Value, module: string): Value => rmsNorm(graph, x, builder.weight(module), normEpsilon);
  const attended = joinedAttention(builder, normed(hidden, 'attn_norm'), width, shape, rotate, { mask });
  const middle = graph.op('Add', [hidden, attended.out]);
  const inner = normed(middle, 'ffn_norm');
  builder.tap('ffn_in', ['gate_up'], inner, width);
  const [gate, up] = graph.split(builder.linear(inner, 'gate_up'), -1, [feedForward, feedForward]);
  const gated = graph.op('Mul', [activation(graph, gate), up]);
  builder.tap('down_in', ['down'], gated, feedForward);
  return builder.finish(graph.op('Add', [middle, builder.linear(gated, 'down')]), attended.attention);
}

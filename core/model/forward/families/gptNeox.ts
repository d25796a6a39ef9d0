// GPT-NeoX and Pythia: both halves beside each other on the same input, part of each head rotated (Black et al. 2022,
// arXiv 2204.06745).

import { type Activation, activationOf, gelu } from '../activations.ts';
import { type HeadLayout, joinedAttention, readHeads, selfAttention } from '../attention.ts';
import { BlockBuilder } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph } from '../blockGraph.ts';
import { plainEmbedding } from '../embeddings.ts';
import type { Block, Family, ModelHeaders, Network, WeightLayouts } from '../family.ts';
import { plainFeedForward } from '../feedForward.ts';
import { outputHead } from '../head.ts';
import { stored, withBiases } from '../layouts.ts';
import { causalMask } from '../masks.ts';
import { layerNorm } from '../norms.ts';
import { type Rope, readRope, rotaryTables, rotation } from '../rope.ts';
import type { Settings } from '../settings.ts';

export const GPT_NEOX: Family = {
  name: 'GPT-NeoX',
  classes: { GPTNeoXForCausalLM: 'gpt_neox' },
  gguf: ['gptneox'],
  network,
};

interface Shape extends HeadLayout {
  readonly width: number;
  readonly feedForward: number;
  readonly normEpsilon: number;
  readonly activation: Activation;
  readonly rope: Rope;
  /** Whether the feed-forward takes in what attention takes in, not what comes out of it. */
  readonly parallel: boolean;
  /** Whether query, key and value of a head stand beside each other, head after head. */
  readonly interleaved: boolean;
  readonly weights: WeightLayouts;
}

function network(settings: Settings, headers: ModelHeaders): Network {
  const shape = readShape(settings, headers);
  const { width, normEpsilon } = shape;
  const vocabulary = headers.vocabulary ?? settings.count('vocab_size', 'vocab_size');
  const block: Block = {
    weights: shape.weights,
    graph: (batch) => blockGraph(shape, batch),
    constants: (tokens) => ({ ...rotaryTables(shape.rope, tokens), mask: causalMask(tokens) }),
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
      normed: (builder, hidden) => layerNorm(builder, hidden, 'norm', normEpsilon),
    }),
  };
}

function readShape(settings: Settings, headers: ModelHeaders): Shape {
  const width = settings.count('hidden_size', 'embedding_length');
  const feedForward = settings.count('intermediate_size', 'feed_forward_length');
  const layout = readHeads(settings, width);
  const inner = layout.heads * layout.headWidth;
  return {
    ...layout,
    width,
    feedForward,
    normEpsilon: settings.number('layer_norm_eps', 'attention.layer_norm_epsilon') ?? 1e-5,
    activation: activationOf(settings, 'hidden_act', gelu),
    rope: readRope(settings, headers, layout.headWidth, {
      base: 'rotary_emb_base',
      share: 'rotary_pct',
      usualShare: 0.25,
    }),
    parallel: settings.flag('use_parallel_residual', 'use_parallel_residual') ?? true,
    // llama.cpp's files put all queries first.
    interleaved: !settings.fromGguf,
    weights: withBiases(headers, 0, {
      attn_norm: stored(width),
      qkv: stored(3 * inner, width),
      o: stored(width, inner),
      ffn_norm: stored(width),
      up: stored(feedForward, width),
      down: stored(width, feedForward),
    }),
  };
}

function blockGraph(shape: Shape, batch: BatchSize): BlockGraph {
  const { width, feedForward, normEpsilon, activation, parallel, interleaved } = shape;
  const builder = new BlockBuilder(shape.weights, width, batch);
  const { graph, hidden } = builder;
  const mask = builder.constant('mask', [batch.tokens, batch.tokens]);
  const rotate = rotation(builder, shape.rope, shape.headWidth);
  const attention = interleaved ? interleavedAttention : joinedAttention;
  const normed = layerNorm(builder, hidden, 'attn_norm', normEpsilon);
  const attended = attention(builder, normed, width, shape, rotate, { mask });
  const middle = graph.op('Add', [hidden, attended.out]);
  const inner = layerNorm(builder, parallel ? hidden : middle, 'ffn_norm', normEpsilon);
  const fed = plainFeedForward(builder, inner, width, feedForward, activation);
  return builder.finish(graph.op('Add', [middle, fed]), attended.attention);
}

/** As `joinedAttention`, where columns of qkv are [heads, 3, headWidth]. */
const interleavedAttention: typeof joinedAttention = (builder, x, width, layout, prepared, rule) => {
  const { heads, headWidth } = layout;
  const { graph, batch } = builder;
  builder.tap('attn_in', ['qkv'], x, width);
  const dimensions = graph.integers([batch.sequences, batch.tokens, heads, 3 * headWidth]);
  const byToken = graph.op('Reshape', [builder.linear(x, 'qkv'), dimensions]);
  const byHead = graph.op('Transpose', [byToken], { perm: [0, 2, 1, 3] });
  const parts = graph.split(byHead, -1, [headWidth, headWidth, headWidth]);
  return selfAttention(builder, layout, parts, prepared, rule);
};

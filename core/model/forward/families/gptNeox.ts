// GPT-NeoX and Pythia: both halves beside each other on the same input, part of each head rotated (Black et al. 2022,
// arXiv 2204.06745).

import { gelu } from '../activations.ts';
import { joinedAttention, selfAttention } from '../attention.ts';
import { BlockBuilder } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph } from '../blockGraph.ts';
import { causalBlock, decoderNetwork } from '../decoderNetwork.ts';
import type { Family, ModelHeaders, Network } from '../family.ts';
import { plainFeedForward } from '../feedForward.ts';
import { stored, withBiases } from '../layouts.ts';
import { layerNorms } from '../norms.ts';
import { type Rope, readRope, rotation } from '../rope.ts';
import type { Settings } from '../settings.ts';
import { type BlockShape, readSizes } from '../sizes.ts';

export const GPT_NEOX: Family = {
  name: 'GPT-NeoX',
  classes: { GPTNeoXForCausalLM: 'gpt_neox' },
  gguf: ['gptneox'],
  network,
};

interface Shape extends BlockShape {
  readonly rope: Rope;
  /** Whether the feed-forward takes in what attention takes in, not what comes out of it. */
  readonly parallel: boolean;
  /** Whether query, key and value of a head stand beside each other, head after head. */
  readonly interleaved: boolean;
}

function network(settings: Settings, headers: ModelHeaders): Network {
  const shape = readShape(settings, headers);
  const { width, norm, weights, rope } = shape;
  const block = causalBlock(weights, (batch) => blockGraph(shape, batch), { rope });
  return decoderNetwork(settings, headers, { width, norm, block: () => block });
}

function readShape(settings: Settings, headers: ModelHeaders): Shape {
  const sizes = readSizes(settings, { activation: gelu });
  const { width, feedForward, heads, headWidth } = sizes;
  const inner = heads * headWidth;
  return {
    ...sizes,
    norm: layerNorms(settings.number('layer_norm_eps', 'attention.layer_norm_epsilon') ?? 1e-5),
    rope: readRope(settings, headers, headWidth, {
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
  const { width, feedForward, activation, norm, parallel, interleaved } = shape;
  const builder = new BlockBuilder(shape.weights, width, batch);
  const { graph, hidden } = builder;
  const mask = builder.constant('mask', [batch.tokens, batch.tokens]);
  const rotate = rotation(builder, shape.rope, shape.headWidth);
  const attention = interleaved ? interleavedAttention : joinedAttention;
  const normed = norm(builder, hidden, 'attn_norm');
  const attended = attention(builder, normed, width, shape, rotate, { mask });
  const middle = graph.op('Add', [hidden, attended.out]);
  const inner = norm(builder, parallel ? hidden : middle, 'ffn_norm');
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

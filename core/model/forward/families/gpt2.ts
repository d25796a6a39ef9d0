// GPT-2: LayerNorms before both halves, learned positions, queries, keys and values in one matrix (Radford et al. 2019).
// transformers stores its linear layers as Conv1D, [in, out]; llama.cpp's files as all others.

import { geluTanh } from '../activations.ts';
import { joinedAttention } from '../attention.ts';
import { BlockBuilder, blockKinds } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph } from '../blockGraph.ts';
import { causalBlock, decoderNetwork } from '../decoderNetwork.ts';
import { positionedEmbedding } from '../embeddings.ts';
import type { Family, ModelHeaders, Network, WeightLayout } from '../family.ts';
import { plainFeedForward } from '../feedForward.ts';
import { stored, withBiases } from '../layouts.ts';
import { layerNorms } from '../norms.ts';
import type { Settings } from '../settings.ts';
import { type BlockShape, readSizes, type SizeKeys } from '../sizes.ts';

export const GPT2: Family = { name: 'GPT-2', classes: { GPT2LMHeadModel: 'gpt2' }, gguf: ['gpt2'], network };

const KEYS: SizeKeys = {
  width: 'n_embd',
  feedForward: 'n_inner',
  heads: 'n_head',
  activation: 'activation_function',
  layers: 'n_layer',
  context: 'n_positions',
};

function network(settings: Settings, headers: ModelHeaders): Network {
  const shape = readShape(settings, headers);
  const { width, norm, headWidth } = shape;
  const usualScale = settings.flag('scale_attn_weights', '') === false ? 1 : 1 / Math.sqrt(headWidth);
  const byLayer = settings.flag('scale_attn_by_inverse_layer_idx', '') === true;
  const block = blockKinds(
    (layer) => (byLayer ? `${layer}` : ''),
    (layer) => {
      const scale = byLayer ? usualScale / (layer + 1) : usualScale;
      return causalBlock(shape.weights, (batch) => blockGraph(shape, scale, batch));
    },
  );
  return decoderNetwork(settings, headers, {
    ...{ width, norm, block, keys: KEYS },
    embedding: (context) => positionedEmbedding(headers, width, { rows: context, first: 0, width }),
  });
}

function readShape(settings: Settings, headers: ModelHeaders): BlockShape {
  const sizes = readSizes(settings, { activation: geluTanh, feedForwardRatio: 4 }, KEYS);
  const { width, feedForward, heads, headWidth } = sizes;
  const inner = heads * headWidth;
  const linear = (outputs: number, inputs: number): WeightLayout =>
    settings.fromGguf ? stored(outputs, inputs) : { dimensions: [inputs, outputs], transposed: true };
  return {
    ...sizes,
    norm: layerNorms(settings.number('layer_norm_epsilon', 'attention.layer_norm_epsilon') ?? 1e-5),
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

function blockGraph(shape: BlockShape, scale: number, batch: BatchSize): BlockGraph {
  const { width, feedForward, activation, norm } = shape;
  const builder = new BlockBuilder(shape.weights, width, batch);
  const { graph, hidden } = builder;
  const mask = builder.constant('mask', [batch.tokens, batch.tokens]);
  const normed = norm(builder, hidden, 'attn_norm');
  const attended = joinedAttention(builder, normed, width, shape, (x) => x, { mask, scale });
  const middle = graph.op('Add', [hidden, attended.out]);
  const inner = norm(builder, middle, 'ffn_norm');
  const fed = plainFeedForward(builder, inner, width, feedForward, activation);
  return builder.finish(graph.op('Add', [middle, fed]), attended.attention);
}

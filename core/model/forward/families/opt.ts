// OPT: learned positions that begin at row 2, ReLU, LayerNorms before both halves – or behind them in the 350 M model,
// whose embeddings are also narrower than its stream (Zhang et al. 2022, arXiv 2205.01068).

import type { Value } from '../../graph/graphBuilder.ts';
import { relu } from '../activations.ts';
import { attentionLayouts, projectedAttention } from '../attention.ts';
import { BlockBuilder } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph } from '../blockGraph.ts';
import { causalBlock, decoderNetwork } from '../decoderNetwork.ts';
import { positionedEmbedding } from '../embeddings.ts';
import type { Family, ModelHeaders, Network } from '../family.ts';
import { plainFeedForward } from '../feedForward.ts';
import { stored, withBiases } from '../layouts.ts';
import { layerNorms } from '../norms.ts';
import type { Settings } from '../settings.ts';
import { type BlockShape, readSizes, type SizeKeys } from '../sizes.ts';

// llama.cpp has no graph of OPT.
export const OPT: Family = { name: 'OPT', classes: { OPTForCausalLM: 'opt' }, gguf: [], network };

/** Rows of the position table before the first token's: fairseq counted from behind the padding token. */
const FIRST_POSITION = 2;
/** torch.nn.LayerNorm's; OPT's configurations name none. */
const NORM_EPSILON = 1e-5;

const KEYS: SizeKeys = { feedForward: 'ffn_dim', activation: 'activation_function' };

interface Shape extends BlockShape {
  readonly normFirst: boolean;
}

function network(settings: Settings, headers: ModelHeaders): Network {
  const shape = readShape(settings, headers);
  const { width, norm } = shape;
  const columns = settings.optionalCount('word_embed_proj_dim', '') ?? width;
  const narrow = columns !== width;
  const block = causalBlock(shape.weights, (batch) => blockGraph(shape, batch));
  // Models with norms behind both halves have no final one.
  const final = headers.has(null, 'norm') ? { norm: stored(width) } : {};
  return decoderNetwork(settings, headers, {
    ...{ width, norm, block: () => block, keys: KEYS },
    embedding: (context) =>
      positionedEmbedding(headers, columns, { rows: context + FIRST_POSITION, first: FIRST_POSITION, width }),
    head: {
      columns,
      modules: { ...final, ...(narrow ? { project_out: stored(columns, width) } : {}) },
      normed(builder, hidden) {
        const normed = builder.has('norm') ? norm(builder, hidden, 'norm') : hidden;
        return narrow ? builder.linear(normed, 'project_out') : normed;
      },
    },
  });
}

function readShape(settings: Settings, headers: ModelHeaders): Shape {
  const sizes = readSizes(settings, { activation: relu }, KEYS);
  const { width, feedForward } = sizes;
  return {
    ...sizes,
    norm: layerNorms(NORM_EPSILON),
    normFirst: settings.flag('do_layer_norm_before', '') ?? true,
    weights: withBiases(headers, 0, {
      attn_norm: stored(width),
      ...attentionLayouts(width, sizes),
      ffn_norm: stored(width),
      up: stored(feedForward, width),
      down: stored(width, feedForward),
    }),
  };
}

function blockGraph(shape: Shape, batch: BatchSize): BlockGraph {
  const { width, feedForward, activation, norm, normFirst } = shape;
  const builder = new BlockBuilder(shape.weights, width, batch);
  const { graph, hidden } = builder;
  const mask = builder.constant('mask', [batch.tokens, batch.tokens]);
  const before = (x: Value, module: string): Value => (normFirst ? norm(builder, x, module) : x);
  const behind = (x: Value, module: string): Value => (normFirst ? x : norm(builder, x, module));
  const attended = projectedAttention(builder, before(hidden, 'attn_norm'), width, shape, (x) => x, { mask });
  const middle = behind(graph.op('Add', [hidden, attended.out]), 'attn_norm');
  const fed = plainFeedForward(builder, before(middle, 'ffn_norm'), width, feedForward, activation);
  return builder.finish(behind(graph.op('Add', [middle, fed]), 'ffn_norm'), attended.attention);
}

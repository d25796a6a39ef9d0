// BERT and what is built like it: tokens see those before and after them, LayerNorms behind both halves, learned
// positions (Devlin et al. 2018, arXiv 1810.04805), and a head that predicts masked tokens. RoBERTa counts positions
// behind its padding token, DistilBERT has no token types.

import type { Value } from '../../graph/graphBuilder.ts';
import { type Activation, activationOf, gelu } from '../activations.ts';
import { attentionLayouts, type HeadLayout, projectedAttention } from '../attention.ts';
import { BlockBuilder, WeightedGraph } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph, EmbeddingGraph } from '../blockGraph.ts';
import { addPositions, type PositionTable } from '../embeddings.ts';
import type { Block, Embedding, Family, ModelHeaders, Network, WeightLayouts } from '../family.ts';
import { plainFeedForward } from '../feedForward.ts';
import { outputHead } from '../head.ts';
import { stored, withBiases } from '../layouts.ts';
import { layerNorm } from '../norms.ts';
import type { Settings } from '../settings.ts';

export const BERT: Family = {
  name: 'BERT, RoBERTa and DistilBERT with their heads',
  classes: {
    BertForMaskedLM: 'bert',
    BertForPreTraining: 'bert',
    CamembertForMaskedLM: 'camembert',
    DistilBertForMaskedLM: 'distilbert',
    RobertaForMaskedLM: 'roberta',
    XLMRobertaForMaskedLM: 'xlm-roberta',
  },
  // llama.cpp's files of encoders have no head.
  gguf: [],
  network,
};

const USUAL_KEYS = {
  width: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  feedForward: 'intermediate_size',
  activation: 'hidden_act',
};
const DISTILBERT_KEYS: typeof USUAL_KEYS = {
  width: 'dim',
  layers: 'n_layers',
  heads: 'n_heads',
  feedForward: 'hidden_dim',
  activation: 'activation',
};
/** The first position is the number of the padding token and one. */
const BEHIND_PADDING: ReadonlySet<string> = new Set(['roberta', 'xlm-roberta', 'camembert']);

interface Shape extends HeadLayout {
  readonly width: number;
  readonly feedForward: number;
  readonly normEpsilon: number;
  readonly activation: Activation;
  readonly weights: WeightLayouts;
}

function network(settings: Settings, headers: ModelHeaders): Network {
  const keys = settings.architecture === 'distilbert' ? DISTILBERT_KEYS : USUAL_KEYS;
  const shape = readShape(settings, headers, keys);
  const { width, normEpsilon, activation } = shape;
  const rows = settings.count('max_position_embeddings', '');
  const padding = settings.number('pad_token_id', '') ?? 1;
  const first = BEHIND_PADDING.has(settings.architecture) ? padding + 1 : 0;
  if (!Number.isInteger(first) || first < 0 || first >= rows) settings.refuse(`no position behind padding ${padding}`);
  const vocabulary = headers.vocabulary ?? settings.count('vocab_size', '');
  const block: Block = { weights: shape.weights, graph: (batch) => blockGraph(shape, batch), constants: () => ({}) };
  return {
    layers: settings.count(keys.layers, ''),
    width,
    vocabulary,
    context: rows - first,
    causal: false,
    embedding: embedding(settings, headers, normEpsilon, { rows, first, width }),
    block: () => block,
    head: outputHead(headers, {
      width,
      vocabulary,
      modules: { head_dense: stored(width, width), head_norm: stored(width) },
      normed(builder, hidden) {
        const inner = activation(builder.graph, builder.linear(hidden, 'head_dense'));
        return layerNorm(builder, inner, 'head_norm', normEpsilon);
      },
    }),
  };
}

function readShape(settings: Settings, headers: ModelHeaders, keys: typeof USUAL_KEYS): Shape {
  const width = settings.count(keys.width, '');
  const heads = settings.count(keys.heads, '');
  const feedForward = settings.count(keys.feedForward, '');
  if (width % heads !== 0) settings.refuse(`${heads} heads do not divide a width of ${width}`);
  const positions = settings.text('position_embedding_type', '') ?? 'absolute';
  if (positions !== 'absolute') settings.unsupported('relative positions of encoders cannot be run');
  if (settings.flag('is_decoder', '') === true) settings.unsupported('an encoder made a decoder cannot be run');
  const layout = { heads, keyValueHeads: heads, headWidth: width / heads };
  return {
    ...layout,
    width,
    feedForward,
    normEpsilon: settings.number('layer_norm_eps', '') ?? 1e-12,
    activation: activationOf(settings, keys.activation, gelu),
    weights: withBiases(headers, 0, {
      ...attentionLayouts(width, layout),
      attn_out_norm: stored(width),
      up: stored(feedForward, width),
      down: stored(width, feedForward),
      ffn_out_norm: stored(width),
    }),
  };
}

/** Token, position and first token type, normed. */
function embedding(settings: Settings, headers: ModelHeaders, normEpsilon: number, table: PositionTable): Embedding {
  const { width } = table;
  const types = headers.has(null, 'token_types')
    ? { token_types: stored(settings.count('type_vocab_size', ''), width) }
    : {};
  const weights = withBiases(headers, null, {
    position: stored(table.rows, width),
    ...types,
    embed_norm: stored(width),
  });
  const graphOf = (batch: BatchSize): EmbeddingGraph => {
    const builder = new WeightedGraph('embedding', weights);
    const { graph } = builder;
    const rows = graph.input('rows', 'float32', [batch.sequences * batch.tokens, width]);
    let sum = addPositions(builder, rows, batch, table);
    if (builder.has('token_types')) {
      const first = graph.op('Gather', [builder.weight('token_types'), graph.integers([0])], { axis: 0 });
      sum = graph.op('Add', [sum, first]);
    }
    return { graph, rows, hidden: layerNorm(builder, sum, 'embed_norm', normEpsilon), weights: builder.weights };
  };
  return { columns: width, weights, graph: graphOf };
}

function blockGraph(shape: Shape, batch: BatchSize): BlockGraph {
  const { width, feedForward, normEpsilon, activation, weights } = shape;
  const builder = new BlockBuilder(weights, width, batch);
  const { graph, hidden } = builder;
  const same = (x: Value): Value => x;
  const attended = projectedAttention(builder, hidden, width, shape, same, { mask: null });
  const middle = layerNorm(builder, graph.op('Add', [hidden, attended.out]), 'attn_out_norm', normEpsilon);
  const fed = plainFeedForward(builder, middle, width, feedForward, activation);
  const out = graph.op('Add', [middle, fed]);
  return builder.finish(layerNorm(builder, out, 'ffn_out_norm', normEpsilon), attended.attention);
}

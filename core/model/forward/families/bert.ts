// BERT and what is built like it: tokens see those before and after them, LayerNorms behind both halves, learned
// positions (Devlin et al. 2018, arXiv 1810.04805), and a head that predicts masked tokens. RoBERTa counts positions
// behind its padding token, DistilBERT has no token types.

import type { Value } from '../../graph/graphBuilder.ts';
import { gelu } from '../activations.ts';
import { attentionLayouts, projectedAttention } from '../attention.ts';
import { BlockBuilder, WeightedGraph } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph, EmbeddingGraph } from '../blockGraph.ts';
import { addPositions, type PositionTable } from '../embeddings.ts';
import type { Block, Embedding, Family, ModelHeaders, Network } from '../family.ts';
import { plainFeedForward } from '../feedForward.ts';
import { outputHead } from '../head.ts';
import { stored, withBiases } from '../layouts.ts';
import { layerNorms, type Norm } from '../norms.ts';
import type { Settings } from '../settings.ts';
import { type BlockShape, readSizes, type SizeKeys, USUAL_KEYS } from '../sizes.ts';

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

const DISTILBERT_KEYS: SizeKeys = {
  width: 'dim',
  layers: 'n_layers',
  heads: 'n_heads',
  feedForward: 'hidden_dim',
  activation: 'activation',
};
/** The first position is the number of the padding token and one. */
const BEHIND_PADDING: ReadonlySet<string> = new Set(['roberta', 'xlm-roberta', 'camembert']);

function network(settings: Settings, headers: ModelHeaders): Network {
  const keys = { ...USUAL_KEYS, ...(settings.architecture === 'distilbert' ? DISTILBERT_KEYS : {}) };
  const shape = readShape(settings, headers, keys);
  const { width, norm, activation } = shape;
  const rows = settings.count(keys.context, '');
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
    embedding: embedding(settings, headers, norm, { rows, first, width }),
    block: () => block,
    head: outputHead(headers, {
      width,
      vocabulary,
      modules: { head_dense: stored(width, width), head_norm: stored(width) },
      normed(builder, hidden) {
        const inner = activation(builder.graph, builder.linear(hidden, 'head_dense'));
        return norm(builder, inner, 'head_norm');
      },
    }),
  };
}

function readShape(settings: Settings, headers: ModelHeaders, keys: SizeKeys): BlockShape {
  const sizes = readSizes(settings, { activation: gelu }, keys);
  const { width, heads, feedForward } = sizes;
  if (width % heads !== 0) settings.refuse(`${heads} heads do not divide a width of ${width}`);
  const positions = settings.text('position_embedding_type', '') ?? 'absolute';
  if (positions !== 'absolute') settings.unsupported('relative positions of encoders cannot be run');
  if (settings.flag('is_decoder', '') === true) settings.unsupported('an encoder made a decoder cannot be run');
  const layout = { heads, keyValueHeads: heads, headWidth: width / heads };
  return {
    ...sizes,
    ...layout,
    norm: layerNorms(settings.number('layer_norm_eps', '') ?? 1e-12),
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
function embedding(settings: Settings, headers: ModelHeaders, norm: Norm, table: PositionTable): Embedding {
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
    return { graph, rows, hidden: norm(builder, sum, 'embed_norm'), weights: builder.weights };
  };
  return { columns: width, weights, graph: graphOf };
}

function blockGraph(shape: BlockShape, batch: BatchSize): BlockGraph {
  const { width, feedForward, norm, activation, weights } = shape;
  const builder = new BlockBuilder(weights, width, batch);
  const { graph, hidden } = builder;
  const same = (x: Value): Value => x;
  const attended = projectedAttention(builder, hidden, width, shape, same, { mask: null });
  const middle = norm(builder, graph.op('Add', [hidden, attended.out]), 'attn_out_norm');
  const fed = plainFeedForward(builder, middle, width, feedForward, activation);
  const out = graph.op('Add', [middle, fed]);
  return builder.finish(norm(builder, out, 'ffn_out_norm'), attended.attention);
}

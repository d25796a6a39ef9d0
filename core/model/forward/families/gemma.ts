// Gemma 1, 2 and 3 (arXiv 2403.08295, 2408.00118, 2503.19786): embeddings scaled by √width, RMS norms that multiply by
// 1 + w, gated GELU. Gemma 2 adds norms behind both halves, local layers and bounded scores and logits; Gemma 3 norms
// of heads and a rotary base of their own for local layers.

import { objectAt } from '../../../base/jsonObject.ts';
import type { Value } from '../../graph/graphBuilder.ts';
import { geluTanh } from '../activations.ts';
import { attentionLayouts, type HeadLayout, projectedAttention } from '../attention.ts';
import { BlockBuilder, blockKinds, WeightedGraph } from '../blockBuilder.ts';
import type { BatchSize, BlockGraph } from '../blockGraph.ts';
import { causalBlock, decoderNetwork } from '../decoderNetwork.ts';
import type { Embedding, Family, ModelHeaders, Network, WeightLayouts } from '../family.ts';
import { gatedFeedForward, gatedLayouts } from '../feedForward.ts';
import { stored, withBiases } from '../layouts.ts';
import { layerWindows } from '../masks.ts';
import { type Norm, rmsNorm, rmsNorms } from '../norms.ts';
import { type Rope, readRope, rotation } from '../rope.ts';
import type { Settings } from '../settings.ts';
import { type BlockShape, readSizes } from '../sizes.ts';

export const GEMMA: Family = {
  name: 'Gemma 1, 2 and 3',
  classes: {
    GemmaForCausalLM: 'gemma',
    Gemma2ForCausalLM: 'gemma2',
    Gemma3ForCausalLM: 'gemma3_text',
    Gemma3ForConditionalGeneration: 'gemma3_text',
  },
  gguf: ['gemma', 'gemma2', 'gemma3'],
  network,
};

/** Every how many layers one sees all tokens; Gemma 1 has no local layers. */
const PERIODS: Readonly<Record<string, number>> = { gemma2: 2, gemma3: 6, gemma3_text: 6 };
/** Layers of the 27 B models, the only ones whose queries are not scaled by the width of a head (llama.cpp). */
const LAYERS_27B: Readonly<Record<string, number>> = { gemma2: 46, gemma3: 62 };

/** What the configurations of Gemma 3 with vision leave out (transformers `Gemma3TextConfig`). */
const USUAL = { heads: 8, keyValueHeads: 4, headWidth: 256, queryScalar: 256, context: 131_072 };

interface Shape extends BlockShape {
  readonly scoreScale: number;
  readonly scoreCap: number | null;
}

function network(settings: Settings, headers: ModelHeaders): Network {
  if (settings.flag('use_bidirectional_attention', '') === true)
    settings.unsupported('Gemma with bidirectional attention cannot be run');
  const shape = readShape(settings, headers);
  const { width, norm } = shape;
  const windowOf = windows(settings);
  const ropes = readRopes(settings, headers, shape.headWidth);
  const block = blockKinds(
    (layer) => `${windowOf(layer)}`,
    (layer) => {
      const window = windowOf(layer);
      const rope = window === null ? ropes.global : ropes.local;
      return causalBlock(shape.weights, (batch) => blockGraph(shape, rope, batch), { rope, window });
    },
  );
  return decoderNetwork(settings, headers, {
    ...{ width, norm, block, usualContext: usualOf(settings).context },
    embedding: () => embedding(width, embeddingScale(settings, width)),
    head: { softcap: settings.number('final_logit_softcapping', 'final_logit_softcapping') || null },
  });
}

function readShape(settings: Settings, headers: ModelHeaders): Shape {
  const sizes = readSizes(
    settings,
    { ...usualOf(settings), activation: geluTanh },
    { activation: 'hidden_activation' },
  );
  const { width, feedForward, headWidth } = sizes;
  const epsilon = settings.number('rms_norm_eps', 'attention.layer_norm_rms_epsilon') ?? 1e-6;
  const optional = (module: string, length: number) => (headers.has(0, module) ? { [module]: stored(length) } : {});
  return {
    ...sizes,
    scoreScale: 1 / Math.sqrt(queryScalar(settings, width, sizes)),
    scoreCap: settings.number('attn_logit_softcapping', 'attn_logit_softcapping') || null,
    weights: withBiases(headers, 0, {
      attn_norm: stored(width),
      ...attentionLayouts(width, sizes),
      ...optional('q_norm', headWidth),
      ...optional('k_norm', headWidth),
      ...optional('post_attn_norm', width),
      ffn_norm: stored(width),
      ...gatedLayouts(width, feedForward),
      ...optional('post_ffn_norm', width),
    }),
    norm: settings.fromGguf ? rmsNorms(epsilon) : rmsNormsAboveOne(epsilon),
  };
}

/** x / rms(x) · (1 + w); llama.cpp's files hold 1 + w. */
function rmsNormsAboveOne(epsilon: number): Norm {
  return (builder, x, module) => {
    const { graph } = builder;
    return rmsNorm(graph, x, graph.op('Add', [builder.weight(module), graph.scalar(1)]), epsilon);
  };
}

function usualOf({ architecture }: Settings): Partial<typeof USUAL> {
  return architecture === 'gemma3_text' ? USUAL : {};
}

/** Scores are divided by its root. */
function queryScalar(settings: Settings, width: number, { heads, headWidth }: HeadLayout): number {
  if (!settings.fromGguf)
    return settings.optionalCount('query_pre_attn_scalar', '') ?? usualOf(settings).queryScalar ?? headWidth;
  const large = LAYERS_27B[settings.architecture] === settings.optionalCount('', 'block_count');
  return large ? Math.floor(width / heads) : headWidth;
}

function windows(settings: Settings): (layer: number) => number | null {
  const usual = PERIODS[settings.architecture];
  if (usual === undefined) return () => null;
  const period = settings.optionalCount('sliding_window_pattern', 'attention.sliding_window_pattern') ?? usual;
  return layerWindows(settings, (layer) => (layer + 1) % period !== 0);
}

interface Ropes {
  readonly global: Rope;
  readonly local: Rope;
}

/** Gemma 3's local layers keep the base and the positions of its first training. */
function readRopes(settings: Settings, headers: ModelHeaders, headWidth: number): Ropes {
  if (!settings.architecture.startsWith('gemma3')) {
    const rope = readRope(settings, headers, headWidth);
    return { global: rope, local: rope };
  }
  const byType = settings.object('rope_parameters');
  const of = (type: string) => byType && objectAt(byType, type);
  const global = readRope(settings, headers, headWidth, { usualBase: 1e6, parameters: of('full_attention') });
  const parameters = of('sliding_attention');
  if (parameters !== null) return { global, local: readRope(settings, headers, headWidth, { parameters }) };
  const base = settings.number('rope_local_base_freq', 'rope.freq_base_swa') ?? 10_000;
  return { global, local: { ...global, base, scaling: { type: 'none' } } };
}

/** √width, rounded to the type the model was trained and stored in, as transformers rounds it; llama.cpp does not. */
function embeddingScale(settings: Settings, width: number): number {
  const type = settings.fromGguf ? null : (settings.text('dtype', '') ?? settings.text('torch_dtype', ''));
  const scale = Math.sqrt(width);
  if (type !== 'bfloat16' && type !== 'float16') return scale;
  const unit = 2 ** (Math.floor(Math.log2(scale)) - (type === 'bfloat16' ? 7 : 10));
  return Math.round(scale / unit) * unit;
}

function embedding(width: number, scale: number): Embedding {
  const weights: WeightLayouts = new Map();
  return {
    columns: width,
    weights,
    graph({ sequences, tokens }) {
      const builder = new WeightedGraph('embedding', weights);
      const { graph } = builder;
      const rows = graph.input('rows', 'float32', [sequences * tokens, width]);
      return { graph, rows, hidden: graph.op('Mul', [rows, graph.scalar(scale)]), weights: builder.weights };
    },
  };
}

function blockGraph(shape: Shape, rope: Rope, batch: BatchSize): BlockGraph {
  const { width, feedForward, activation, norm, scoreScale, scoreCap } = shape;
  const builder = new BlockBuilder(shape.weights, width, batch);
  const { graph, hidden } = builder;
  const mask = builder.constant('mask', [batch.tokens, batch.tokens]);
  const rotate = rotation(builder, rope, shape.headWidth);
  const normed = (x: Value, module: string): Value => (builder.has(module) ? norm(builder, x, module) : x);
  const prepared = (x: Value, n: number, module: string): Value => rotate(normed(x, `${module}_norm`), n);
  const rule = { mask, scale: scoreScale, softcap: scoreCap };
  const attended = projectedAttention(builder, normed(hidden, 'attn_norm'), width, shape, prepared, rule);
  const middle = graph.op('Add', [hidden, normed(attended.out, 'post_attn_norm')]);
  const fed = gatedFeedForward(builder, normed(middle, 'ffn_norm'), width, feedForward, activation);
  const out = graph.op('Add', [middle, normed(fed, 'post_ffn_norm')]);
  return builder.finish(out, attended.attention);
}

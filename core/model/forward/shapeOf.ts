// The numbers of a decoder from config.json or from a GGUF file's key-values.

import { QuantscopeError } from '../../base/errors.ts';
import { type JsonObject, shown, textAt } from '../../base/jsonObject.ts';
import { type GgufArchitecture, ggufArchitecture, type ModelConfig, readModelConfig } from '../modelConfig.ts';
import type { DecoderShape } from './decoderShape.ts';
import { scaledFrequencies } from './rope.ts';

/** What decides the numbers: headers of one open model. */
export interface ModelHeaders {
  readonly name: string;
  readonly config: JsonObject | null;
  /** GGUF key-values by name; null for other formats. */
  readonly gguf: ((key: string) => unknown) | null;
  /** Rows of the token embedding; null without one. */
  readonly vocabulary: number | null;
  /** `rope_freqs.weight` of a GGUF file: a divisor per frequency. */
  readonly frequencyFactors: Float32Array | null;
  /** True when a layer has this module ("q_norm", "q.bias"). */
  has(module: string): boolean;
}

const GGUF_ARCHITECTURES = new Set(['llama', 'qwen2', 'qwen3']);

/** @throws UNSUPPORTED_ARCHITECTURE, HEADER_INVALID naming what is missing */
export function decoderShape(headers: ModelHeaders): DecoderShape {
  const config = headers.gguf === null ? fromConfig(headers) : fromGguf(headers, headers.gguf);
  return {
    layers: config.blockCount,
    width: config.embeddingLength,
    heads: config.heads,
    keyValueHeads: config.keyValueHeads,
    headWidth: config.headDimension,
    feedForward: config.feedForwardLength,
    // Padded embeddings have more rows than the tokenizer has tokens.
    vocabulary: headers.vocabulary ?? config.vocabularySize,
    normEpsilon: config.rmsEpsilon,
    frequencies: scaledFrequencies(config).map((f, i) => f / (headers.frequencyFactors?.[i] ?? 1)),
    // llama.cpp permutes q and k of its Llama graph so that neighbours rotate together.
    rotation: headers.gguf !== null && config.architecture === 'llama' ? 'pairs' : 'halves',
    headNorms: headers.has('q_norm'),
    attentionBias: headers.has('q.bias'),
    context: config.contextLength,
  };
}

function fromConfig({ name, config }: ModelHeaders): ModelConfig {
  if (config === null)
    throw new QuantscopeError(
      'UNSUPPORTED_ARCHITECTURE',
      `${name}: running a model needs config.json beside the weights`,
    );
  const architecture = ggufArchitecture(config);
  if (typeof architecture !== 'string') {
    const found = textAt(config, 'model_type') ?? 'unnamed';
    const fact = `the architecture ${shown(found)} cannot be run; Llama, Mistral, Qwen 2 and Qwen 3 can`;
    throw new QuantscopeError('UNSUPPORTED_ARCHITECTURE', `${name}: ${fact}`);
  }
  return readModelConfig(config, architecture);
}

/** The keys of llama.cpp's `LLM_KV` names. */
function fromGguf({ name, vocabulary }: ModelHeaders, read: (key: string) => unknown): ModelConfig {
  const architecture = read('general.architecture');
  if (typeof architecture !== 'string' || !GGUF_ARCHITECTURES.has(architecture)) {
    const fact = `the architecture ${shown(architecture)} cannot be run; llama, qwen2 and qwen3 can`;
    throw new QuantscopeError('UNSUPPORTED_ARCHITECTURE', `${name}: ${fact}`);
  }
  const values = Object.fromEntries(
    Object.entries(GGUF_KEYS).map(([ours, suffix]) => [ours, read(`${architecture}.${suffix}`)]),
  );
  const scaling = read(`${architecture}.rope.scaling.type`);
  const factor = read(`${architecture}.rope.scaling.factor`);
  const rope = typeof scaling === 'string' && scaling !== 'none' ? { rope_type: scaling, factor } : undefined;
  return readModelConfig({ ...values, vocab_size: vocabulary, rope_scaling: rope }, architecture as GgufArchitecture);
}

/** config.json's name → suffix of the GGUF key. */
const GGUF_KEYS = {
  num_hidden_layers: 'block_count',
  max_position_embeddings: 'context_length',
  hidden_size: 'embedding_length',
  intermediate_size: 'feed_forward_length',
  num_attention_heads: 'attention.head_count',
  num_key_value_heads: 'attention.head_count_kv',
  head_dim: 'attention.key_length',
  rms_norm_eps: 'attention.layer_norm_rms_epsilon',
  rope_theta: 'rope.freq_base',
} as const;

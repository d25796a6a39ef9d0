// config.json of the Llama, Mistral, Qwen2 and Qwen3 families, checked, in GGUF's terms.

import {
  arrayAt,
  countAt,
  isObject,
  type JsonObject,
  neededCount,
  numberAt,
  objectAt,
  shown,
  textAt,
} from '../base/jsonObject.ts';

const FILE = 'config.json';

/** Hugging Face class → architecture id in llama.cpp (llama-arch.cpp). */
const ARCHITECTURES: Readonly<Record<string, GgufArchitecture>> = {
  LlamaForCausalLM: 'llama',
  MistralForCausalLM: 'llama',
  Qwen2ForCausalLM: 'qwen2',
  Qwen3ForCausalLM: 'qwen3',
};
/** For a config without `architectures`. */
const MODEL_TYPES: Readonly<Record<string, GgufArchitecture>> = {
  llama: 'llama',
  mistral: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
};

export type GgufArchitecture = 'llama' | 'qwen2' | 'qwen3';

export interface ModelConfig {
  readonly architecture: GgufArchitecture;
  readonly blockCount: number;
  readonly contextLength: number;
  readonly embeddingLength: number;
  readonly feedForwardLength: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDimension: number;
  readonly ropeBase: number;
  readonly rope: JsonObject | null;
  readonly rmsEpsilon: number;
  readonly vocabularySize: number;
}

/** The llama.cpp architecture a config describes, or a sentence why there is none. */
export function ggufArchitecture(config: JsonObject): GgufArchitecture | { blocker: string } {
  const classes = arrayAt(config, 'architectures').filter((name) => typeof name === 'string');
  const type = textAt(config, 'model_type') ?? '';
  const found = classes.length > 0 ? lookUp(ARCHITECTURES, classes[0] ?? '') : lookUp(MODEL_TYPES, type);
  if (found !== undefined) return found;
  const named = classes[0] ?? (type === '' ? 'unnamed' : type);
  return {
    blocker: `GGUF export knows LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM and Qwen3ForCausalLM; this model is ${shown(named)}`,
  };
}

/** @throws HEADER_INVALID naming the missing or wrong key */
export function readModelConfig(config: JsonObject, architecture: GgufArchitecture): ModelConfig {
  const heads = neededCount(config, 'num_attention_heads', FILE);
  const embeddingLength = neededCount(config, 'hidden_size', FILE);
  // transformers ≥ 5 moved rope_theta and rope_scaling into rope_parameters
  const rope = objectAt(config, 'rope_parameters') ?? objectAt(config, 'rope_scaling');
  return {
    architecture,
    blockCount: neededCount(config, 'num_hidden_layers', FILE),
    contextLength: neededCount(config, 'max_position_embeddings', FILE),
    embeddingLength,
    feedForwardLength: neededCount(config, 'intermediate_size', FILE),
    heads,
    keyValueHeads: countAt(config, 'num_key_value_heads') ?? heads,
    headDimension: countAt(config, 'head_dim') ?? Math.floor(embeddingLength / heads),
    ropeBase: numberAt(config, 'rope_theta') ?? (rope === null ? null : numberAt(rope, 'rope_theta')) ?? 10_000,
    rope: isObject(rope) ? rope : null,
    rmsEpsilon: numberAt(config, 'rms_norm_eps') ?? 1e-6,
    vocabularySize: neededCount(config, 'vocab_size', FILE),
  };
}

function lookUp(table: Readonly<Record<string, GgufArchitecture>>, key: string): GgufArchitecture | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

// What llama.cpp's mixes ask of a model besides its tensors: heads per key head, experts, layers. Headers only.

import { isObject } from '../base/jsonObject.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';

export interface MixFacts {
  /** `general.architecture` or `model_type`; '' when the file does not say. */
  readonly architecture: string;
  readonly layers: number;
  /** `n_gqa`: query heads that share one key head. */
  readonly queriesPerKey: number;
  /** `n_expert`; 0 for dense models. */
  readonly experts: number;
  /** Experts each token is routed to; all where the file does not say. */
  readonly expertsUsed: number;
  /** `LLM_TYPE_70B`: 80 layers of a Llama or Qwen 2, keys shared. */
  readonly is70B: boolean;
}

/** Several spellings per fact: GGUF's after the architecture's name, then those of `config.json` files. */
const HEADS = ['attention.head_count', 'num_attention_heads', 'n_head', 'num_heads'];
const KEY_HEADS = ['attention.head_count_kv', 'num_key_value_heads', 'num_kv_heads', 'n_head_kv'];
const EXPERTS = ['expert_count', 'num_local_experts', 'num_experts', 'n_routed_experts'];

const EXPERTS_USED = ['expert_used_count', 'num_experts_per_tok', 'num_experts_per_token', 'moe_topk'];

/** @returns null where the file says too little: then no mix is known */
export function mixFactsOf({ config, metadata, gguf, model }: Checkpoint): MixFacts | null {
  const architecture = model.architecture ?? '';
  const text = isObject(config) && isObject(config.text_config) ? config.text_config : config;
  const read = (names: readonly string[]): number | null => {
    for (const name of names) {
      const value = gguf === undefined ? text?.[name] : metadata[`${architecture}.${name}`];
      const number = numberOf(value);
      if (number !== null) return number;
    }
    return null;
  };
  const heads = read(HEADS);
  if (heads === null || model.layers === 0) return null;
  const queriesPerKey = heads / Math.max(1, read(KEY_HEADS) ?? heads);
  const experts = read(EXPERTS) ?? 0;
  const large = model.layers === 80;
  return {
    architecture,
    layers: model.layers,
    queriesPerKey,
    experts,
    expertsUsed: read(EXPERTS_USED) ?? experts,
    is70B: large && ((['llama', 'mistral'].includes(architecture) && queriesPerKey > 1) || architecture === 'qwen2'),
  };
}

/** The first layer's where every layer has its own, as `n_gqa()` takes it. */
function numberOf(value: unknown): number | null {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof first === 'bigint') return Number(first);
  return typeof first === 'number' && Number.isInteger(first) && first >= 0 ? first : null;
}

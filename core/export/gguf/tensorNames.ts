// Hugging Face tensor names of the exportable families in llama.cpp's spelling (llama-arch.cpp LLM_TENSOR_NAMES).

import type { GgufArchitecture } from './modelConfig.ts';

const OUTSIDE: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
};

const IN_LAYER: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

/** Qwen3 normalizes queries and keys per head. */
const QWEN3_IN_LAYER: Readonly<Record<string, string>> = {
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
};

/** @returns the GGUF name, or null for a tensor the architecture has no place for */
export type ToGgufName = (name: string) => string | null;

/** @param names all tensors of the checkpoint: a tied matrix saved only as the output is the token embedding */
export function ggufNamesFor(architecture: GgufArchitecture, names: ReadonlySet<string>): ToGgufName {
  const outputIsEmbedding = names.has('lm_head.weight') && !names.has('model.embed_tokens.weight');
  return (name) =>
    outputIsEmbedding && name === 'lm_head.weight' ? 'token_embd.weight' : ggufTensorName(architecture, name);
}

function ggufTensorName(architecture: GgufArchitecture, name: string): string | null {
  const match = /^(.*)\.(weight|bias)$/.exec(name);
  if (match === null) return null;
  const [, module = '', kind = ''] = match;
  const layer = /^model\.layers\.(\d+)\.(.*)$/.exec(module);
  if (layer === null) return lookUp(OUTSIDE, module, (short) => `${short}.${kind}`);
  const [, index = '', inner = ''] = layer;
  const named = (short: string): string => `blk.${index}.${short}.${kind}`;
  return lookUp(IN_LAYER, inner, named) ?? (architecture === 'qwen3' ? lookUp(QWEN3_IN_LAYER, inner, named) : null);
}

/** Buffers old checkpoints saved although every runtime computes them. */
export function isComputedBuffer(name: string): boolean {
  return /\.(rotary_emb\.inv_freq|attention\.masked_bias)$/.test(name);
}

function lookUp(table: Readonly<Record<string, string>>, key: string, named: (short: string) => string): string | null {
  const short = Object.hasOwn(table, key) ? table[key] : undefined;
  return short === undefined ? null : named(short);
}

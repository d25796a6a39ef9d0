// Which architecture a checkpoint holds: what it says itself, else what its tensor names give away.

import type { PlacementHints } from './placeTensors.ts';

/** Ids come from `general.architecture` or `model_type` when present, so they may name families without tables. */
const MAX_ID_LENGTH = 64;

/** Stems inside a layer that together belong to one family; the first match wins, so the particular come first. */
const SIGNATURES: readonly (readonly [architecture: string, ...stems: readonly string[]])[] = [
  ['mixtral', 'self_attn.q_proj', 'block_sparse_moe.gate'],
  ['gemma3', 'self_attn.q_norm', 'pre_feedforward_layernorm'],
  ['gemma2', 'self_attn.q_proj', 'pre_feedforward_layernorm'],
  ['phi3', 'self_attn.qkv_proj', 'mlp.gate_up_proj'],
  ['qwen3', 'self_attn.q_norm', 'mlp.gate_proj'],
  ['qwen2', 'self_attn.q_proj.bias', 'mlp.gate_proj'],
  ['llama', 'self_attn.q_proj', 'self_attn.o_proj', 'mlp.gate_proj', 'input_layernorm'],
  ['llama', 'attention.wq', 'attention.wo', 'feed_forward.w1', 'attention_norm'],
  ['gpt2', 'attn.c_attn', 'mlp.c_fc'],
  ['gpt_neox', 'attention.query_key_value', 'mlp.dense_h_to_4h'],
  ['bert', 'attention.self.query', 'intermediate.dense'],
  ['gemma3', 'attn_q_norm', 'post_ffw_norm'],
  ['gemma2', 'attn_q', 'post_ffw_norm'],
  ['qwen3', 'attn_q', 'attn_q_norm', 'ffn_gate'],
  ['qwen2', 'attn_q.bias', 'ffn_gate'],
  ['llama', 'attn_q', 'attn_output', 'ffn_gate', 'attn_norm'],
];

/** @param stems of all layers, without ".weight" */
export function detectArchitecture(stems: ReadonlySet<string>, hints: PlacementHints): string | null {
  const stated = hints.ggufArchitecture ?? hints.config?.model_type;
  if (typeof stated === 'string' && stated !== '') return stated.slice(0, MAX_ID_LENGTH);
  const found = SIGNATURES.find(([, ...needed]) => needed.every((stem) => stems.has(stem)));
  return found?.[0] ?? null;
}

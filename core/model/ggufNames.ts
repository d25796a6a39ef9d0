// Both spellings of every tensor of the families that can be exported: Hugging Face and llama.cpp. One source of truth.

import { type Family, familyOf } from './families.ts';

/** A tensor's stem in both spellings, without ".weight" / ".bias"; N stands for the layer number. */
type Pair = readonly [huggingFace: string, gguf: string];

/** gguf-py `tensor_mapping.py`, for the stems these families use. */
const SHELL: readonly Pair[] = [
  ['model.embed_tokens', 'token_embd'],
  ['model.norm', 'output_norm'],
  ['lm_head', 'output'],
];
const SPLIT_ATTENTION: readonly Pair[] = [
  ['model.layers.N.self_attn.q_proj', 'blk.N.attn_q'],
  ['model.layers.N.self_attn.k_proj', 'blk.N.attn_k'],
  ['model.layers.N.self_attn.v_proj', 'blk.N.attn_v'],
  ['model.layers.N.self_attn.o_proj', 'blk.N.attn_output'],
];
const HEAD_NORMS: readonly Pair[] = [
  ['model.layers.N.self_attn.q_norm', 'blk.N.attn_q_norm'],
  ['model.layers.N.self_attn.k_norm', 'blk.N.attn_k_norm'],
];
const GATED_MLP: readonly Pair[] = [
  ['model.layers.N.mlp.gate_proj', 'blk.N.ffn_gate'],
  ['model.layers.N.mlp.up_proj', 'blk.N.ffn_up'],
  ['model.layers.N.mlp.down_proj', 'blk.N.ffn_down'],
];
const PRE_NORMS: readonly Pair[] = [
  ['model.layers.N.input_layernorm', 'blk.N.attn_norm'],
  ['model.layers.N.post_attention_layernorm', 'blk.N.ffn_norm'],
];
const SANDWICH_NORMS: readonly Pair[] = [
  ['model.layers.N.input_layernorm', 'blk.N.attn_norm'],
  ['model.layers.N.post_attention_layernorm', 'blk.N.post_attention_norm'],
  ['model.layers.N.pre_feedforward_layernorm', 'blk.N.ffn_norm'],
  ['model.layers.N.post_feedforward_layernorm', 'blk.N.post_ffw_norm'],
];
const SHARED_EXPERT: readonly Pair[] = [
  ['model.layers.N.mlp.shared_expert_gate', 'blk.N.ffn_gate_inp_shexp'],
  ['model.layers.N.mlp.shared_expert.gate_proj', 'blk.N.ffn_gate_shexp'],
  ['model.layers.N.mlp.shared_expert.up_proj', 'blk.N.ffn_up_shexp'],
  ['model.layers.N.mlp.shared_expert.down_proj', 'blk.N.ffn_down_shexp'],
];
const LLAMA: readonly Pair[] = [...SHELL, ...SPLIT_ATTENTION, ...GATED_MLP, ...PRE_NORMS];

/** Experts are one tensor each in Hugging Face and stacked in GGUF, so they have no pair. */
const PAIRS: Readonly<Record<Family, readonly Pair[]>> = {
  llama: LLAMA,
  mistral: LLAMA,
  qwen2: LLAMA,
  qwen2moe: [...LLAMA, ['model.layers.N.mlp.gate', 'blk.N.ffn_gate_inp'], ...SHARED_EXPERT],
  qwen3: [...LLAMA, ...HEAD_NORMS],
  qwen3moe: [...LLAMA, ...HEAD_NORMS, ['model.layers.N.mlp.gate', 'blk.N.ffn_gate_inp']],
  mixtral: [...SHELL, ...SPLIT_ATTENTION, ...PRE_NORMS, ['model.layers.N.block_sparse_moe.gate', 'blk.N.ffn_gate_inp']],
  gemma: LLAMA,
  gemma2: [...SHELL, ...SPLIT_ATTENTION, ...GATED_MLP, ...SANDWICH_NORMS],
  gemma3: [...SHELL, ...SPLIT_ATTENTION, ...HEAD_NORMS, ...GATED_MLP, ...SANDWICH_NORMS],
  phi3: [
    ...SHELL,
    ...PRE_NORMS,
    ['model.layers.N.self_attn.qkv_proj', 'blk.N.attn_qkv'],
    ['model.layers.N.self_attn.o_proj', 'blk.N.attn_output'],
    ['model.layers.N.mlp.gate_up_proj', 'blk.N.ffn_up'],
    ['model.layers.N.mlp.down_proj', 'blk.N.ffn_down'],
  ],
  gpt2: [
    ['transformer.wte', 'token_embd'],
    ['transformer.wpe', 'position_embd'],
    ['transformer.ln_f', 'output_norm'],
    ['lm_head', 'output'],
    ['transformer.h.N.ln_1', 'blk.N.attn_norm'],
    ['transformer.h.N.attn.c_attn', 'blk.N.attn_qkv'],
    ['transformer.h.N.attn.c_proj', 'blk.N.attn_output'],
    ['transformer.h.N.ln_2', 'blk.N.ffn_norm'],
    ['transformer.h.N.mlp.c_fc', 'blk.N.ffn_up'],
    ['transformer.h.N.mlp.c_proj', 'blk.N.ffn_down'],
  ],
  gptneox: [
    ['gpt_neox.embed_in', 'token_embd'],
    ['gpt_neox.final_layer_norm', 'output_norm'],
    ['embed_out', 'output'],
    ['gpt_neox.layers.N.input_layernorm', 'blk.N.attn_norm'],
    ['gpt_neox.layers.N.attention.query_key_value', 'blk.N.attn_qkv'],
    ['gpt_neox.layers.N.attention.dense', 'blk.N.attn_output'],
    ['gpt_neox.layers.N.post_attention_layernorm', 'blk.N.ffn_norm'],
    ['gpt_neox.layers.N.mlp.dense_h_to_4h', 'blk.N.ffn_up'],
    ['gpt_neox.layers.N.mlp.dense_4h_to_h', 'blk.N.ffn_down'],
  ],
  bert: [
    ['embeddings.word_embeddings', 'token_embd'],
    ['embeddings.position_embeddings', 'position_embd'],
    ['embeddings.token_type_embeddings', 'token_types'],
    ['embeddings.LayerNorm', 'token_embd_norm'],
    ['encoder.layer.N.attention.self.query', 'blk.N.attn_q'],
    ['encoder.layer.N.attention.self.key', 'blk.N.attn_k'],
    ['encoder.layer.N.attention.self.value', 'blk.N.attn_v'],
    ['encoder.layer.N.attention.output.dense', 'blk.N.attn_output'],
    ['encoder.layer.N.attention.output.LayerNorm', 'blk.N.attn_output_norm'],
    ['encoder.layer.N.intermediate.dense', 'blk.N.ffn_up'],
    ['encoder.layer.N.output.dense', 'blk.N.ffn_down'],
    ['encoder.layer.N.output.LayerNorm', 'blk.N.layer_output_norm'],
  ],
};

interface Table {
  readonly toGguf: ReadonlyMap<string, string>;
  readonly toHuggingFace: ReadonlyMap<string, string>;
}

const TABLES = new Map<Family, Table>();

/**
 * The llama.cpp name of a Hugging Face tensor, or null when the family has no such tensor.
 *
 * @param architecture `model_type` or `general.architecture`
 */
export function ggufName(hfName: string, architecture: string | null): string | null {
  // Checkpoints saved from the bare encoder or decoder lack the outer module's name, or carry it: both are the same.
  const table = tableOf(architecture);
  if (table === null) return null;
  return translate(hfName, table.toGguf) ?? translate(hfName.replace(/^(bert|roberta)\./, ''), table.toGguf);
}

/** The Hugging Face name of a llama.cpp tensor, or null when the family has no such tensor. */
export function hfName(name: string, architecture: string | null): string | null {
  const table = tableOf(architecture);
  return table === null ? null : translate(name, table.toHuggingFace);
}

function tableOf(architecture: string | null): Table | null {
  const family = familyOf(architecture);
  if (family === null) return null;
  let table = TABLES.get(family);
  if (table === undefined) {
    const pairs = PAIRS[family];
    table = { toGguf: new Map(pairs), toHuggingFace: new Map(pairs.map(([hf, gguf]) => [gguf, hf])) };
    TABLES.set(family, table);
  }
  return table;
}

function translate(name: string, stems: ReadonlyMap<string, string>): string | null {
  const match = /^(.+)\.(weight|bias)$/.exec(name);
  if (match === null) return null;
  const [, stem = '', suffix = ''] = match;
  const number = LAYER_NUMBER.exec(stem)?.[1];
  if (number === undefined) return LAYER_SLOT.test(stem) ? null : suffixed(stems.get(stem), suffix);
  return suffixed(stems.get(stem.replace(LAYER_NUMBER, '.N.'))?.replace(LAYER_SLOT, `.${number}.`), suffix);
}

const LAYER_NUMBER = /\.(\d+)\./;
const LAYER_SLOT = /\.N\./;

function suffixed(stem: string | undefined, suffix: string): string | null {
  return stem === undefined ? null : `${stem}.${suffix}`;
}

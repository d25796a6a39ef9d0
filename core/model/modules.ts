// What a tensor's own name says: module stem (any spelling) → short column name and role.

import type { Role } from './places.ts';

export interface Module {
  readonly module: string;
  readonly role: Role;
}

type Row = readonly [module: string, role: Role, ...stems: readonly string[]];

/** Stems inside a layer: what follows "model.layers.3." or "blk.3."; # stands for an expert's number. */
const LAYER_ROWS: readonly Row[] = [
  [
    'q',
    'attention.q',
    'self_attn.q_proj',
    'attn_q',
    'attention.self.query',
    'attention.attention.query',
    'attention.q_proj',
    'attention.wq',
    'attention.q_lin',
    'attn.q_proj',
    'attn.q',
    'layer.0.SelfAttention.q',
  ],
  [
    'k',
    'attention.k',
    'self_attn.k_proj',
    'attn_k',
    'attention.self.key',
    'attention.attention.key',
    'attention.k_proj',
    'attention.wk',
    'attention.k_lin',
    'attn.k_proj',
    'attn.k',
    'layer.0.SelfAttention.k',
  ],
  [
    'v',
    'attention.v',
    'self_attn.v_proj',
    'attn_v',
    'attention.self.value',
    'attention.attention.value',
    'attention.v_proj',
    'attention.wv',
    'attention.v_lin',
    'attn.v_proj',
    'attn.v',
    'layer.0.SelfAttention.v',
  ],
  [
    'qkv',
    'attention.qkv',
    'self_attn.qkv_proj',
    'self_attn.W_pack',
    'attn_qkv',
    'attn.c_attn',
    'attn.qkv',
    'attn.Wqkv',
    'attn.in_proj',
    'attention.query_key_value',
    'self_attention.query_key_value',
  ],
  [
    'o',
    'attention.output',
    'self_attn.o_proj',
    'self_attn.out_proj',
    'self_attn.dense',
    'attn_output',
    'attn.c_proj',
    'attn.out_proj',
    'attn.proj',
    'attention.dense',
    'attention.output.dense',
    'attention.out_lin',
    'attention.wo',
    'self_attention.dense',
    'layer.0.SelfAttention.o',
  ],
  ['gate', 'mlp.gate', 'mlp.gate_proj', 'ffn_gate', 'feed_forward.w1', 'feed_forward.gate_proj'],
  [
    'up',
    'mlp.up',
    'mlp.up_proj',
    'ffn_up',
    'feed_forward.w3',
    'feed_forward.up_proj',
    'mlp.c_fc',
    'mlp.dense_h_to_4h',
    'mlp.fc1',
    'mlp.fc_in',
    'intermediate.dense',
    'fc1',
    'ffn.lin1',
    'layer.1.DenseReluDense.wi',
  ],
  ['gate_up', 'mlp.gateUp', 'mlp.gate_up_proj'],
  [
    'down',
    'mlp.down',
    'mlp.down_proj',
    'ffn_down',
    'feed_forward.w2',
    'feed_forward.down_proj',
    'mlp.c_proj',
    'mlp.dense_4h_to_h',
    'mlp.fc2',
    'mlp.fc_out',
    'output.dense',
    'fc2',
    'ffn.lin2',
    'layer.1.DenseReluDense.wo',
  ],
  [
    'router',
    'router',
    'block_sparse_moe.gate',
    'block_sparse_moe.router.layer',
    'mlp.gate',
    'mlp.router',
    'feed_forward.router',
    'ffn_gate_inp',
  ],
  [
    'expert_gate',
    'expert.gate',
    'block_sparse_moe.experts.#.w1',
    'mlp.experts.#.gate_proj',
    'feed_forward.experts.#.gate_proj',
    'ffn_gate_exps',
    'ffn_gate.#',
  ],
  [
    'expert_up',
    'expert.up',
    'block_sparse_moe.experts.#.w3',
    'mlp.experts.#.up_proj',
    'feed_forward.experts.#.up_proj',
    'ffn_up_exps',
    'ffn_up.#',
  ],
  [
    'expert_down',
    'expert.down',
    'block_sparse_moe.experts.#.w2',
    'mlp.experts.#.down_proj',
    'mlp.experts.down_proj',
    'feed_forward.experts.#.down_proj',
    'feed_forward.experts.down_proj',
    'ffn_down_exps',
    'ffn_down.#',
  ],
  [
    'expert_gate_up',
    'expert.gate',
    'mlp.experts.gate_up_proj',
    'feed_forward.experts.gate_up_proj',
    'ffn_gate_up_exps',
  ],
  ['shared_gate', 'mlp.gate', 'mlp.shared_expert.gate_proj', 'mlp.shared_experts.gate_proj', 'ffn_gate_shexp'],
  ['shared_up', 'mlp.up', 'mlp.shared_expert.up_proj', 'mlp.shared_experts.up_proj', 'ffn_up_shexp'],
  ['shared_down', 'mlp.down', 'mlp.shared_expert.down_proj', 'mlp.shared_experts.down_proj', 'ffn_down_shexp'],
  ['shared_router', 'router', 'mlp.shared_expert_gate', 'ffn_gate_inp_shexp'],
  [
    'attn_norm',
    'norm',
    'input_layernorm',
    'attn_norm',
    'ln_1',
    'attention_norm',
    'self_attn_layer_norm',
    'norm1',
    'layernorm_before',
    'layer.0.layer_norm',
  ],
  [
    'ffn_norm',
    'norm',
    'post_attention_layernorm',
    'pre_feedforward_layernorm',
    'ffn_norm',
    'ln_2',
    'norm2',
    'layernorm_after',
    'final_layer_norm',
    'layer.1.layer_norm',
  ],
  ['post_attn_norm', 'norm', 'post_attention_norm', 'post_self_attn_layernorm'],
  ['post_ffn_norm', 'norm', 'post_feedforward_layernorm', 'post_ffw_norm', 'post_mlp_layernorm'],
  ['attn_out_norm', 'norm', 'attention.output.LayerNorm', 'attn_output_norm', 'sa_layer_norm'],
  ['ffn_out_norm', 'norm', 'output.LayerNorm', 'layer_output_norm', 'output_layer_norm'],
  ['q_norm', 'norm', 'self_attn.q_norm', 'self_attn.q_layernorm', 'attn_q_norm'],
  ['k_norm', 'norm', 'self_attn.k_norm', 'self_attn.k_layernorm', 'attn_k_norm'],
  ['sinks', 'other', 'self_attn.sinks', 'attn_sinks'],
  ['inv_freq', 'other', 'self_attn.rotary_emb.inv_freq', 'attention.rotary_emb.inv_freq'],
  ['ssm_conv', 'convolution', 'mixer.conv1d', 'ssm_conv1d'],
  ['ssm_in', 'other', 'mixer.in_proj', 'ssm_in'],
  ['ssm_out', 'other', 'mixer.out_proj', 'ssm_out'],
];

/** Stems outside layers that mean the same under any prefix ("model.", "language_model.model.", "bert."). */
const SHELL_ROWS: readonly Row[] = [
  [
    'embed',
    'embedding',
    'embed_tokens',
    'wte',
    'embed_in',
    'word_embeddings',
    'tok_embeddings',
    'embeddings.word_embeddings',
    'backbone.embeddings',
  ],
  ['token_types', 'embedding', 'token_type_embeddings', 'embeddings.token_type_embeddings'],
  ['position', 'position', 'wpe', 'embed_positions', 'position_embeddings', 'embeddings.position_embeddings'],
  ['embed_norm', 'norm', 'embeddings.LayerNorm', 'word_embeddings_layernorm'],
  ['project_in', 'other', 'project_in'],
  ['project_out', 'other', 'project_out'],
  [
    'norm',
    'norm',
    'ln_f',
    'model.norm',
    'language_model.norm',
    'final_layer_norm',
    'final_layernorm',
    'backbone.norm_f',
  ],
  ['output', 'output', 'lm_head', 'embed_out', 'cls.predictions.decoder', 'vocab_projector'],
  ['output.bias', 'bias', 'cls.predictions.bias'],
  ['head_dense', 'other', 'cls.predictions.transform.dense', 'lm_head.dense', 'vocab_transform'],
  ['head_norm', 'norm', 'cls.predictions.transform.LayerNorm', 'lm_head.layer_norm', 'vocab_layer_norm'],
];

/** Names that mean this only when they are the whole name: llama.cpp's, and others too short to trust inside a path. */
const WHOLE_ROWS: readonly Row[] = [
  ['embed', 'embedding', 'token_embd', 'shared'],
  ['token_types', 'embedding', 'token_types'],
  ['position', 'position', 'position_embd'],
  ['embed_norm', 'norm', 'token_embd_norm'],
  ['norm', 'norm', 'output_norm', 'norm'],
  ['output', 'output', 'output'],
  ['rope_freqs', 'other', 'rope_freqs'],
];

const LAYER_MODULES = index(LAYER_ROWS);
const SHELL_MODULES = index(SHELL_ROWS);
const WHOLE_MODULES = index(WHOLE_ROWS);
const KNOWN: ReadonlySet<string> = new Set([...LAYER_ROWS, ...SHELL_ROWS, ...WHOLE_ROWS].map(([module]) => module));

/** Looks up a stem (".weight" removed) inside a layer. */
export function layerModule(stem: string): Module | null {
  return LAYER_MODULES.get(stem) ?? null;
}

/** Looks up a stem outside layers by its longest known end. */
export function shellModule(stem: string): Module | null {
  const whole = WHOLE_MODULES.get(stem);
  if (whole !== undefined) return whole;
  for (let end = stem; ; ) {
    const found = SHELL_MODULES.get(end);
    if (found !== undefined) return found;
    const dot = end.indexOf('.');
    if (dot < 0) return null;
    end = end.slice(dot + 1);
  }
}

/** Whether a tensor's column is one of the tables' (or hangs on one: "q.bias"), not its own words. */
export function isKnownModule(module: string): boolean {
  return KNOWN.has(module) || KNOWN.has(module.slice(0, module.lastIndexOf('.')));
}

function index(rows: readonly Row[]): ReadonlyMap<string, Module> {
  return new Map(rows.flatMap(([module, role, ...stems]) => stems.map((stem) => [stem, { module, role }] as const)));
}

// A Mixtral or Qwen MoE folder as llama.cpp's conversion writes it: names, stacked experts, turned heads, key-values.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FixtureMetadata } from '../../fixtures/writeGguf.ts';
import { concatenate, type FixtureTensor } from '../../fixtures/writeSafetensors.ts';
import { expertStacks, floatTensors } from './storedTensors.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = {
  mixtral: 'llama',
  qwen2_moe: 'qwen2moe',
  qwen3_moe: 'qwen3moe',
};

const NAMES: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
  'block_sparse_moe.gate': 'ffn_gate_inp',
  'mlp.gate': 'ffn_gate_inp',
  'mlp.shared_expert_gate': 'ffn_gate_inp_shexp',
  'mlp.shared_expert.gate_proj': 'ffn_gate_shexp',
  'mlp.shared_expert.up_proj': 'ffn_up_shexp',
  'mlp.shared_expert.down_proj': 'ffn_down_shexp',
};

export function expertGguf(folder: string): { tensors: FixtureTensor[]; keyValues: FixtureMetadata } {
  const config: Record<string, number | string | null> = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  const architecture = ARCHITECTURES[String(config.model_type)] ?? '';
  const at = (key: string): number => Number(config[key] ?? 0);
  const { stacks, others } = expertStacks(floatTensors(folder));
  const turned =
    architecture === 'llama' ? { attn_q: at('num_attention_heads'), attn_k: at('num_key_value_heads') } : {};
  const tensors = others.map((tensor) => renamed(tensor, turned));
  for (const { layer, part, experts } of stacks)
    tensors.push({
      name: `blk.${layer.split('.').at(-1)}.ffn_${part}_exps.weight`,
      dtype: 'F32',
      shape: [experts.length, ...(experts[0]?.shape ?? [])],
      data: concatenate(experts.map(({ data }) => data)),
    });
  const numbers = {
    block_count: at('num_hidden_layers'),
    context_length: at('max_position_embeddings'),
    embedding_length: at('hidden_size'),
    feed_forward_length: at('intermediate_size'),
    'attention.head_count': at('num_attention_heads'),
    'attention.head_count_kv': at('num_key_value_heads'),
    'attention.key_length': at('head_dim') || at('hidden_size') / at('num_attention_heads'),
    'attention.value_length': at('head_dim') || at('hidden_size') / at('num_attention_heads'),
    'attention.layer_norm_rms_epsilon': at('rms_norm_eps'),
    'rope.freq_base': { type: 'f32', value: at('rope_theta') || 10_000 } as const,
    'rope.dimension_count': at('head_dim') || at('hidden_size') / at('num_attention_heads'),
    expert_count: at('num_experts') || at('num_local_experts'),
    expert_used_count: at('num_experts_per_tok'),
    ...(architecture === 'llama' ? {} : { expert_feed_forward_length: at('moe_intermediate_size') }),
    ...(architecture === 'qwen2moe'
      ? { expert_shared_feed_forward_length: at('shared_expert_intermediate_size') }
      : {}),
  };
  const keyed = Object.entries(numbers).map(([key, value]) => [`${architecture}.${key}`, value]);
  return { tensors, keyValues: { 'general.architecture': architecture, ...Object.fromEntries(keyed) } };
}

function renamed(tensor: FixtureTensor, turned: Readonly<Record<string, number>>): FixtureTensor {
  const [, layer, inside, kind = 'weight'] = /^model\.layers\.(\d+)\.(.*)\.(weight|bias)$/.exec(tensor.name) ?? [];
  const stem = inside ?? tensor.name.replace(/\.weight$/, '');
  const module = NAMES[stem] ?? stem;
  const heads = turned[module];
  // One row is no matrix in GGUF.
  const shape = module === 'ffn_gate_inp_shexp' ? tensor.shape.slice(1) : tensor.shape;
  const data = heads === undefined ? tensor.data : neighbours(tensor, heads);
  return { ...tensor, shape, data, name: `${layer === undefined ? '' : `blk.${layer}.`}${module}.${kind}` };
}

/** Rows i and i + half of each head become rows 2i and 2i + 1 (`permute` of llama.cpp's conversion). */
function neighbours({ shape: [rows = 0, columns = 0], data }: FixtureTensor, heads: number): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const head = rows / heads;
  return concatenate(
    Array.from({ length: rows }, (_, row) => {
      const [first, inside] = [row - (row % head), row % head];
      const from = first + (inside % 2) * (head / 2) + Math.floor(inside / 2);
      return bytes.subarray(from * columns * 4, (from + 1) * columns * 4);
    }),
  );
}

// config.json's numbers as the GGUF key-values llama.cpp's Llama graph reads.

import type { FixtureMetadata } from '../../fixtures/writeGguf.ts';

export function ggufKeyValuesOf(config: Readonly<Record<string, number>>): FixtureMetadata {
  const at = (key: string): number => config[key] ?? 0;
  return {
    'general.architecture': 'llama',
    'llama.block_count': at('num_hidden_layers'),
    'llama.context_length': at('max_position_embeddings'),
    'llama.embedding_length': at('hidden_size'),
    'llama.feed_forward_length': at('intermediate_size'),
    'llama.attention.head_count': at('num_attention_heads'),
    'llama.attention.head_count_kv': at('num_key_value_heads'),
    'llama.attention.key_length': at('head_dim'),
    'llama.attention.layer_norm_rms_epsilon': at('rms_norm_eps'),
    'llama.rope.freq_base': at('rope_theta'),
  };
}

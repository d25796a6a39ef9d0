// A model folder without experts as llama.cpp's conversion writes it: names, key-values, and what it changes in weights.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ggufName } from '../../../core/model/ggufNames.ts';
import type { FixtureMetadata, FixtureValue } from '../../fixtures/writeGguf.ts';
import type { FixtureTensor } from '../../fixtures/writeSafetensors.ts';
import { floatTensors } from './storedTensors.ts';

type Config = Readonly<Record<string, unknown>>;

const ARCHITECTURES: Readonly<Record<string, string>> = {
  gemma3_text: 'gemma3',
  gpt_neox: 'gptneox',
  mistral: 'llama',
};

/** GGUF key → the names configurations have for it. */
const COUNTS: Readonly<Record<string, readonly string[]>> = {
  block_count: ['num_hidden_layers', 'n_layer'],
  context_length: ['max_position_embeddings', 'n_positions'],
  embedding_length: ['hidden_size', 'n_embd'],
  feed_forward_length: ['intermediate_size', 'n_inner'],
  'attention.head_count': ['num_attention_heads', 'n_head'],
  'attention.head_count_kv': ['num_key_value_heads'],
  'attention.key_length': ['head_dim'],
  'attention.value_length': ['head_dim'],
  'attention.sliding_window': ['sliding_window'],
  'attention.sliding_window_pattern': ['sliding_window_pattern'],
  'rope.scaling.original_context_length': ['original_max_position_embeddings'],
};
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  'attention.layer_norm_rms_epsilon': ['rms_norm_eps'],
  'attention.layer_norm_epsilon': ['layer_norm_eps', 'layer_norm_epsilon'],
  attn_logit_softcapping: ['attn_logit_softcapping'],
  final_logit_softcapping: ['final_logit_softcapping'],
  'rope.freq_base': ['rope_theta', 'rotary_emb_base'],
  'rope.freq_base_swa': ['rope_local_base_freq'],
};

export function denseGguf(folder: string): { tensors: FixtureTensor[]; keyValues: FixtureMetadata } {
  const config: Config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  const type = String(config.model_type);
  const architecture = ARCHITECTURES[type] ?? type;
  const rope = ropeOf(config);
  const values: Record<string, FixtureValue | boolean | string | number> = {};
  for (const [key, names] of Object.entries(COUNTS)) {
    const value = numberOf(config, names);
    if (value !== null) values[key] = value;
  }
  for (const [key, names] of Object.entries(NUMBERS)) {
    const value = numberOf({ ...rope, ...config }, names);
    if (value !== null) values[key] = { type: 'f32', value };
  }
  const head = headWidth(config);
  const share = numberOf({ ...rope, ...config }, ['partial_rotary_factor', 'rotary_pct']) ?? 1;
  values['rope.dimension_count'] = head * share;
  if (typeof config.use_parallel_residual === 'boolean') values.use_parallel_residual = config.use_parallel_residual;
  if (rope.rope_type === 'linear') {
    values['rope.scaling.type'] = 'linear';
    values['rope.scaling.factor'] = { type: 'f32', value: Number(rope.factor) };
  }
  const tensors = floatTensors(folder).map((tensor): FixtureTensor => {
    const changed = converted(tensor, architecture, config);
    return { ...changed, name: ggufName(tensor.name, type) ?? tensor.name };
  });
  if (Array.isArray(rope.long_factor) && Array.isArray(rope.short_factor)) {
    const original = Number(config.original_max_position_embeddings);
    const stretch = Number(config.max_position_embeddings) / original;
    values['rope.scaling.attn_factor'] = {
      type: 'f32',
      value: Math.sqrt(1 + Math.log(stretch) / Math.log(original)),
    };
    tensors.push(
      vector('rope_factors_long.weight', rope.long_factor),
      vector('rope_factors_short.weight', rope.short_factor),
    );
  }
  const keyed = Object.entries(values).map(([key, value]) => [`${architecture}.${key}`, value]);
  return { tensors, keyValues: { 'general.architecture': architecture, ...Object.fromEntries(keyed) } };
}

function converted(tensor: FixtureTensor, architecture: string, config: Config): FixtureTensor {
  const { name, shape } = tensor;
  const values = floats(tensor);
  if (architecture === 'gemma2' || architecture === 'gemma3') return gemma(tensor, values, config);
  if (architecture === 'gpt2' && /(c_attn|c_proj|c_fc)\.weight$/.test(name)) return transposed(tensor, values);
  if (architecture === 'gptneox' && name.includes('query_key_value')) {
    // [heads, 3, width of a head, columns] → [3, heads, …]
    const head = headWidth(config);
    const columns = shape[1] ?? 1;
    const blocks = values.length / (head * columns);
    return {
      ...tensor,
      data: gathered(values, blocks, (at) => (at % (blocks / 3)) * 3 + Math.floor(at / (blocks / 3))),
    };
  }
  const turned = architecture === 'llama' && /\.(q|k)_proj\./.test(name);
  if (!turned) return tensor;
  // Rows i and i + half of each head become rows 2i and 2i + 1.
  const head = headWidth(config);
  const rowOf = (row: number): number => {
    const inside = row % head;
    return row - inside + (inside % 2) * (head / 2) + Math.floor(inside / 2);
  };
  return { ...tensor, data: gathered(values, shape[0] ?? 0, rowOf) };
}

/** Norms hold 1 + w; llama.cpp scales scores by the width of a head, so other scales go into what makes queries. */
function gemma(tensor: FixtureTensor, values: Float32Array, config: Config): FixtureTensor {
  const { name } = tensor;
  const scale = Math.sqrt(headWidth(config) / Number(config.query_pre_attn_scalar));
  const norms = config.model_type === 'gemma3_text';
  const makesQueries = norms ? name.includes('q_norm') : name.includes('q_proj');
  const shift = name.includes('norm') ? 1 : 0;
  return { ...tensor, data: values.map((value) => (value + shift) * (makesQueries ? scale : 1)) };
}

function transposed(tensor: FixtureTensor, values: Float32Array): FixtureTensor {
  const [rows = 0, columns = 0] = tensor.shape;
  const data = values.map((_, at) => values[(at % rows) * columns + Math.floor(at / rows)] ?? Number.NaN);
  return { ...tensor, shape: [columns, rows], data };
}

/** `count` equal parts, each taken from the place `from` says. */
function gathered(values: Float32Array, count: number, from: (at: number) => number): Float32Array {
  const size = values.length / count;
  return values.map((_, at) => values[from(Math.floor(at / size)) * size + (at % size)] ?? Number.NaN);
}

function vector(name: string, values: readonly number[]): FixtureTensor {
  return { name, dtype: 'F32', shape: [values.length], data: Float32Array.from(values) };
}

function floats({ data }: FixtureTensor): Float32Array {
  return new Float32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
}

function ropeOf(config: Config): Config {
  const found = config.rope_parameters ?? config.rope_scaling ?? {};
  return found as Config;
}

function headWidth(config: Config): number {
  const width = Number(config.hidden_size ?? config.n_embd);
  return Number(config.head_dim ?? width / Number(config.num_attention_heads ?? config.n_head));
}

function numberOf(config: Config, names: readonly string[]): number | null {
  const found = names.map((name) => config[name]).find((value) => typeof value === 'number');
  return found === undefined ? null : Number(found);
}

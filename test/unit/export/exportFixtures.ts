// A tiny Llama in Hugging Face layout, and the pool exports run on.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { createPool, type Pool } from '../../../core/kernels/pool.ts';
import { type FixtureTensor, writeSafetensors } from '../../fixtures/writeSafetensors.ts';

export const HIDDEN = 64;
export const FEED_FORWARD = 96;
export const HEADS = 4;
export const KEY_VALUE_HEADS = 2;
export const VOCABULARY = 40;
const LAYERS = 2;

/** Closed when the test file ends. */
export function testPool(): Pool {
  const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 2);
  afterAll(() => pool.close());
  return pool;
}

export const LLAMA_CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: HIDDEN,
  intermediate_size: FEED_FORWARD,
  num_hidden_layers: LAYERS,
  num_attention_heads: HEADS,
  num_key_value_heads: KEY_VALUE_HEADS,
  vocab_size: VOCABULARY,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
};

/** Byte-level BPE over a few letters, GPT-2's splitter. */
export const TOKENIZER = {
  added_tokens: [
    { id: 0, content: '<s>', special: true },
    { id: 1, content: '</s>', special: true },
    { id: 2, content: '<think>', special: false },
  ],
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
  model: { type: 'BPE', vocab: { '<s>': 0, '</s>': 1, a: 3, b: 4, Ġ: 5, ab: 6, Ġa: 7 }, merges: ['a b', ['Ġ', 'a']] },
};

export interface FolderOptions {
  config?: Readonly<Record<string, unknown>>;
  tokenizer?: unknown;
  tokenizerConfig?: unknown;
  tensors?: readonly FixtureTensor[];
}

/** Writes the model and returns its folder. */
export function writeLlamaFolder(parent: string, name: string, options: FolderOptions = {}): string {
  const folder = join(parent, name);
  mkdirSync(folder, { recursive: true });
  writeSafetensors(join(folder, 'model.safetensors'), options.tensors ?? llamaTensors());
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...LLAMA_CONFIG, ...options.config }));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(options.tokenizer ?? TOKENIZER));
  const tokenizerConfig = options.tokenizerConfig ?? { bos_token: '<s>', eos_token: { content: '</s>' } };
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(tokenizerConfig));
  return folder;
}

export function llamaTensors(): FixtureTensor[] {
  const attention = (layer: number): FixtureTensor[] => {
    const at = `model.layers.${layer}`;
    return [
      tensor(`${at}.input_layernorm.weight`, [HIDDEN]),
      tensor(`${at}.self_attn.q_proj.weight`, [HIDDEN, HIDDEN]),
      tensor(`${at}.self_attn.k_proj.weight`, [HIDDEN / 2, HIDDEN]),
      tensor(`${at}.self_attn.v_proj.weight`, [HIDDEN / 2, HIDDEN]),
      tensor(`${at}.self_attn.o_proj.weight`, [HIDDEN, HIDDEN]),
      tensor(`${at}.post_attention_layernorm.weight`, [HIDDEN]),
      tensor(`${at}.mlp.gate_proj.weight`, [FEED_FORWARD, HIDDEN]),
      tensor(`${at}.mlp.up_proj.weight`, [FEED_FORWARD, HIDDEN]),
      tensor(`${at}.mlp.down_proj.weight`, [HIDDEN, FEED_FORWARD]),
    ];
  };
  return [
    tensor('lm_head.weight', [VOCABULARY, HIDDEN]),
    tensor('model.embed_tokens.weight', [VOCABULARY, HIDDEN]),
    ...Array.from({ length: LAYERS }, (_, layer) => attention(layer)).flat(),
    tensor('model.norm.weight', [HIDDEN]),
  ];
}

/** F32, values in ±1 that depend on the name: a mixed-up tensor shows. */
export function tensor(name: string, shape: readonly number[]): FixtureTensor {
  let state = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) >>> 0, 7);
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  return { name, dtype: 'F32', shape, data };
}

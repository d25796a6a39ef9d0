// A model large enough that quantizing it takes seconds: long enough to reload a window, to cancel, to be killed.

import { closeSync, copyFileSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PLAN_VERSION, type Plan } from '../../core/protocol/plan.ts';
import { SAMPLE } from './workspaceFolder.ts';

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 16,
  num_attention_heads: 16,
  num_key_value_heads: 16,
  vocab_size: 1024,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
};

/** 270 M weights, BF16, and its plan, `large.quantplan.json`. */
export function writeLargeModel(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(CONFIG));
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    copyFileSync(new URL(name, SAMPLE), join(folder, name));
  const tensors = shapes();
  let offset = 0;
  const header: Record<string, unknown> = {};
  for (const [name, shape] of tensors) {
    const bytes = 2 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'BF16', shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const weights = noise(CONFIG.hidden_size * CONFIG.intermediate_size);
  const file = openSync(join(folder, 'model.safetensors'), 'w');
  try {
    writeSync(file, length);
    writeSync(file, json);
    for (const [, shape] of tensors) writeSync(file, weights, 0, 2 * shape.reduce((a, b) => a * b, 1));
  } finally {
    closeSync(file);
  }
  writeFileSync(join(folder, 'large.quantplan.json'), JSON.stringify(plan()));
}

/** One type for every matrix, and no solver, which would measure them all. */
function plan(): Plan {
  const matrices = shapes().filter(([, shape]) => shape.length === 2);
  const assignment = { type: 'Q3_K', bytes: 0, relativeError: 0, damage: 0, why: 'all alike' } as const;
  return {
    kind: 'quantscope.plan',
    version: PLAN_VERSION,
    model: { name: 'large', fingerprint: '' },
    request: { targetBytes: 1, choices: ['Q3_K'], locks: [], pins: [], minimums: [] },
    solution: {
      ...{ bytes: 0, bitsPerWeight: 0, damage: 0, gap: 0, feasible: { minBytes: 0, maxBytes: 0 } },
      tensors: Object.fromEntries(matrices.map(([name]) => [name, assignment])),
    },
  };
}

function shapes(): [string, number[]][] {
  const { hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers, vocab_size: words } = CONFIG;
  const all: [string, number[]][] = [['model.embed_tokens.weight', [words, hidden]]];
  for (let layer = 0; layer < layers; layer++) {
    const name = (rest: string): string => `model.layers.${layer}.${rest}.weight`;
    for (const part of ['q_proj', 'k_proj', 'v_proj', 'o_proj'])
      all.push([name(`self_attn.${part}`), [hidden, hidden]]);
    for (const part of ['gate_proj', 'up_proj']) all.push([name(`mlp.${part}`), [inner, hidden]]);
    all.push([name('mlp.down_proj'), [hidden, inner]]);
    for (const part of ['input_layernorm', 'post_attention_layernorm']) all.push([name(part), [hidden]]);
  }
  return [...all, ['model.norm.weight', [hidden]]];
}

/** Bfloat16 between 2⁻⁸ and 2⁻⁶ with either sign, from a fixed seed. */
function noise(count: number): Uint8Array {
  const values = new Uint16Array(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = ((state >>> 31) << 15) | (0x3b80 + ((state >>> 16) & 0xff));
  }
  return new Uint8Array(values.buffer);
}

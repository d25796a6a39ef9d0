// A Hugging Face folder becomes the GGUF llama.cpp expects: keys, names, row order, rope factors.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeShardedSafetensors } from '../../fixtures/writeSafetensors.ts';
import {
  type FolderOptions,
  HEADS,
  HIDDEN,
  KEY_VALUE_HEADS,
  llamaTensors,
  tensor,
  testPool,
  VOCABULARY,
  writeLlamaFolder,
} from './exportFixtures.ts';
import { planFor } from './plans.ts';

const folder = temporaryFolder();
const pool = testPool();

async function exported(name: string, options: FolderOptions = {}) {
  const checkpoint = await openCheckpoint(writeLlamaFolder(folder, name, options));
  const output = join(folder, `${name}.gguf`);
  const plan = planFor(checkpoint, () => 'F32');
  const result = await runExport('gguf', { checkpoint, plan, output, overwrite: false }, { pool });
  return { checkpoint: await openCheckpoint(output), result, bytes: readFileSync(output) };
}

function values({ checkpoint, bytes }: Awaited<ReturnType<typeof exported>>, name: string): Float32Array {
  const found = checkpoint.tensors.find((one) => one.name === name);
  if (found === undefined) throw new Error(`${name} is not in the export`);
  return new Float32Array(
    bytes.buffer.slice(bytes.byteOffset + found.offset, bytes.byteOffset + found.offset + found.bytes),
  );
}

/** Written from the formula W.reshape(heads, 2, d/2, n).swapaxes(1, 2), not from the exporter. */
function swapped(source: Float32Array, heads: number, columns: number): Float32Array {
  const half = source.length / columns / heads / 2;
  const out = new Float32Array(source.length);
  for (let head = 0; head < heads; head++)
    for (let part = 0; part < 2; part++)
      for (let i = 0; i < half; i++) {
        const from = ((head * 2 + part) * half + i) * columns;
        out.set(source.subarray(from, from + columns), ((head * half + i) * 2 + part) * columns);
      }
  return out;
}

const original = (name: string): Float32Array => llamaTensors().find((one) => one.name === name)?.data as Float32Array;

describe('GGUF from Hugging Face', () => {
  it('writes the keys of a Llama and stores vectors as F32', async () => {
    const { checkpoint, result } = await exported('plain');
    const { metadata } = checkpoint;
    expect(metadata['general.architecture']).toBe('llama');
    expect(metadata['llama.block_count']).toBe(2);
    expect(metadata['llama.attention.head_count_kv']).toBe(KEY_VALUE_HEADS);
    expect(metadata['llama.rope.dimension_count']).toBe(HIDDEN / HEADS);
    expect(metadata['llama.attention.key_length']).toBeUndefined();
    expect(metadata['general.quantization_version']).toBe(2);
    expect(metadata['tokenizer.ggml.bos_token_id']).toBe(0);
    expect(metadata['tokenizer.ggml.eos_token_id']).toBe(1);
    expect(checkpoint.tensors[0]?.name).toBe('token_embd.weight');
    expect(result.verify).toMatchObject({ ok: true, missing: [], extra: [], renamed: 21, identical: 21 });
  });

  it('interleaves query and key rows of a Llama, and no others', async () => {
    const file = await exported('rows');
    const q = original('model.layers.1.self_attn.q_proj.weight');
    const k = original('model.layers.1.self_attn.k_proj.weight');
    expect(values(file, 'blk.1.attn_q.weight')).toEqual(swapped(q, HEADS, HIDDEN));
    expect(values(file, 'blk.1.attn_k.weight')).toEqual(swapped(k, KEY_VALUE_HEADS, HIDDEN));
    expect(values(file, 'blk.1.attn_v.weight')).toEqual(original('model.layers.1.self_attn.v_proj.weight'));
  });

  it('leaves the rows and biases of a Qwen2 where they are', async () => {
    const bias = tensor('model.layers.0.self_attn.q_proj.bias', [HIDDEN]);
    const config = { architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2' };
    const file = await exported('qwen', { config, tensors: [...llamaTensors(), bias] });
    expect(file.checkpoint.metadata['general.architecture']).toBe('qwen2');
    expect(values(file, 'blk.0.attn_q.weight')).toEqual(original('model.layers.0.self_attn.q_proj.weight'));
    expect(values(file, 'blk.0.attn_q.bias')).toEqual(bias.data);
  });

  it('interleaves the query bias of a Llama that has one', async () => {
    const bias = tensor('model.layers.0.self_attn.q_proj.bias', [HIDDEN]);
    const file = await exported('bias', { tensors: [...llamaTensors(), bias] });
    expect(values(file, 'blk.0.attn_q.bias')).toEqual(swapped(bias.data as Float32Array, HEADS, 1));
    expect(file.result.verify.ok).toBe(true);
  });

  it('writes no output matrix for tied embeddings, whichever of the two was saved', async () => {
    const all = llamaTensors();
    const kept = all.filter(({ name }) => name !== 'model.embed_tokens.weight');
    const file = await exported('tied', { tensors: kept, config: { tie_word_embeddings: true } });
    expect(file.checkpoint.tensors.some(({ name }) => name === 'output.weight')).toBe(false);
    expect(values(file, 'token_embd.weight')).toEqual(original('lm_head.weight'));
    expect(file.checkpoint.metadata['tokenizer.ggml.tokens']).toHaveLength(VOCABULARY);
  });

  it('stores Llama 3 rope scaling as divisors and the others as keys', async () => {
    const llama3 = {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    };
    const file = await exported('rope3', { config: { rope_scaling: llama3, rope_theta: 500000 } });
    const factors = values(file, 'rope_freqs.weight');
    expect(factors).toHaveLength(HIDDEN / HEADS / 2);
    expect(factors[0]).toBe(1); // wavelength 2π
    expect(factors.at(-1)).toBe(8); // wavelength 2π · 500000^(7/8), beyond 8192
    // i = 4: wavelength 2π·√500000 = 4442.9; smooth = (8192/4442.9 − 1)/3 = 0.28129; 1/((1−s)/8 + s) = 2.6942
    expect(factors[4]).toBeCloseTo(2.6942, 3);
    const yarn = await exported('yarn', {
      config: { rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 64 } },
    });
    expect(yarn.checkpoint.metadata).toMatchObject({
      'llama.rope.scaling.type': 'yarn',
      'llama.rope.scaling.factor': 4,
    });
    expect(yarn.checkpoint.metadata['llama.rope.scaling.original_context_length']).toBe(64);
  });

  it('names head width only where it is not embedding over heads', async () => {
    const tensors = llamaTensors().map((one) =>
      /[qkv]_proj/.test(one.name)
        ? tensor(one.name, [(one.shape[0] ?? 0) * 2, HIDDEN])
        : /o_proj/.test(one.name)
          ? tensor(one.name, [HIDDEN, HIDDEN * 2])
          : one,
    );
    const file = await exported('wide', { config: { head_dim: 32 }, tensors });
    expect(file.checkpoint.metadata).toMatchObject({
      'llama.attention.key_length': 32,
      'llama.rope.dimension_count': 32,
    });
  });

  it('keeps the head norms of a Qwen3', async () => {
    const norms = [0, 1].flatMap((layer) =>
      ['q_norm', 'k_norm'].map((norm) => tensor(`model.layers.${layer}.self_attn.${norm}.weight`, [HIDDEN / HEADS])),
    );
    const config = { architectures: ['Qwen3ForCausalLM'], model_type: 'qwen3' };
    const file = await exported('qwen3', { config, tensors: [...llamaTensors(), ...norms] });
    expect(values(file, 'blk.1.attn_k_norm.weight')).toEqual(norms[3]?.data);
    expect(file.result.verify).toMatchObject({ ok: true, compared: 25 });
  });

  it('reads a sharded folder', async () => {
    const whole = await exported('whole');
    const parts = writeLlamaFolder(folder, 'sharded');
    rmSync(join(parts, 'model.safetensors'));
    const tensors = llamaTensors();
    writeShardedSafetensors(parts, [tensors.slice(0, 5), tensors.slice(5)]);
    const checkpoint = await openCheckpoint(parts);
    expect(checkpoint.files).toHaveLength(2);
    const output = join(folder, 'sharded.gguf');
    await runExport('gguf', { checkpoint, plan: planFor(checkpoint, () => 'F32'), output, overwrite: false }, { pool });
    const joined = await openCheckpoint(output);
    const other = { checkpoint: joined, result: whole.result, bytes: readFileSync(output) };
    for (const { name } of whole.checkpoint.tensors) expect(values(other, name), name).toEqual(values(whole, name));
  });

  it.each([
    ['a layer is missing', { num_hidden_layers: 3 }, 'TENSOR_NOT_FOUND', /blk\.2\.attn_norm/],
    ['there is a layer too many', { num_hidden_layers: 1 }, 'SHAPE_INVALID', /blk\.1/],
    ['heads do not fit', { num_key_value_heads: 4 }, 'SHAPE_INVALID', /attn_k.*\[32, 64\].*\[64, 64\]/],
    ['a width is missing', { intermediate_size: undefined }, 'HEADER_INVALID', /intermediate_size is missing/],
    ['a count is no number', { num_attention_heads: 'four' }, 'HEADER_INVALID', /num_attention_heads is "four"/],
    ['rope scaling is unknown', { rope_scaling: { type: 'longrope' } }, 'UNSUPPORTED_ARCHITECTURE', /longrope/],
  ])('refuses a config.json where %s', async (name, config, code, message) => {
    const attempt = exported(name, { config });
    await expect(attempt).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

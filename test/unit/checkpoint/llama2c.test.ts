// llama2.c models of all versions: sizes tie to the byte, every weight is where export.py put it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { tensorSource } from '../../../core/checkpoint/tensorSource.ts';
import { readElements } from '../../../core/decode/elements.ts';
import { type Kernels, loadKernels } from '../../../core/kernels/wasm.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type FixtureSizes, fixtureScale, fixtureWeight, llama2cBytes, SIZES } from '../../fixtures/writeLlama2c.ts';

const folder = temporaryFolder();
let kernels: Kernels;
beforeAll(async () => {
  kernels = await loadKernels();
});

let files = 0;
function write(bytes: Uint8Array): string {
  files += 1;
  const path = join(folder, `model${files}.bin`);
  writeFileSync(path, bytes);
  return path;
}

const open = (sizes: Partial<FixtureSizes>) => openCheckpoint(write(llama2cBytes({ ...SIZES, ...sizes })));

function values(checkpoint: Checkpoint, name: string): Float32Array {
  const tensor = checkpoint.tensors.find((found) => found.name === name);
  if (tensor === undefined) throw new Error(`${name} is missing`);
  return kernels.arena.scoped(() => {
    const pointer = readElements(kernels, tensorSource(checkpoint, tensor.index), 0, tensor.elements);
    return new Float32Array(kernels.arena.u8(pointer, tensor.elements * 4).slice().buffer);
  });
}

/** Rows × columns as the file holds them. */
function stored(kind: string, layer: number, rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, at) =>
    fixtureWeight(kind, layer, Math.floor(at / columns), at % columns),
  );
}

/** As transformers' convert_llama_weights_to_hf.py does: view(heads, d / 2, 2, columns).transpose(1, 2). */
function toHalves(matrix: Float32Array, rows: number, columns: number, heads: number): Float32Array {
  const half = rows / heads / 2;
  const result = new Float32Array(matrix.length);
  for (let head = 0; head < heads; head++)
    for (let pair = 0; pair < half; pair++)
      for (let j = 0; j < 2; j++) {
        const from = (head * half * 2 + pair * 2 + j) * columns;
        result.set(matrix.subarray(from, from + columns), (head * half * 2 + j * half + pair) * columns);
      }
  return result;
}

describe.each([0, 1] as const)('version %i', (version) => {
  test.each([true, false])('every weight, output shared: %s', async (sharedOutput) => {
    const checkpoint = await open({ version, sharedOutput });
    const { tensors, format, model, config } = checkpoint;
    expect(format).toBe('llama2c');
    expect(tensors.length).toBe(2 + 9 * 3 + (sharedOutput ? 0 : 1));
    expect(model).toMatchObject({ architecture: 'llama', layers: 3 });
    expect(config).toMatchObject({ model_type: 'llama', num_key_value_heads: 2, tie_word_embeddings: sharedOutput });
    expect(values(checkpoint, 'model.embed_tokens.weight')).toEqual(stored('tok', 0, 10, 16));
    expect(values(checkpoint, 'model.norm.weight')).toEqual(stored('norm', 0, 1, 16));
    if (!sharedOutput) expect(values(checkpoint, 'lm_head.weight')).toEqual(stored('output', 0, 10, 16));
    for (let layer = 0; layer < 3; layer++) {
      const of = (name: string): Float32Array => values(checkpoint, `model.layers.${layer}.${name}.weight`);
      expect(of('self_attn.q_proj')).toEqual(toHalves(stored('wq', layer, 16, 16), 16, 16, 4));
      expect(of('self_attn.k_proj')).toEqual(toHalves(stored('wk', layer, 8, 16), 8, 16, 2));
      expect(of('self_attn.v_proj')).toEqual(stored('wv', layer, 8, 16));
      expect(of('self_attn.o_proj')).toEqual(stored('wo', layer, 16, 16));
      expect(of('mlp.gate_proj')).toEqual(stored('w1', layer, 24, 16));
      expect(of('mlp.down_proj')).toEqual(stored('w2', layer, 16, 24));
      expect(of('mlp.up_proj')).toEqual(stored('w3', layer, 24, 16));
      expect(of('input_layernorm')).toEqual(stored('attention_norm', layer, 1, 16));
      expect(of('post_attention_layernorm')).toEqual(stored('ffn_norn', layer, 1, 16));
    }
  });
});

describe('version 2', () => {
  test.each([8, 4, 2])('every weight, groups of %i', async (groupSize) => {
    const checkpoint = await open({ version: 2, groupSize, sharedOutput: false });
    const { tensors, config, model } = checkpoint;
    expect(model).toMatchObject({ architecture: 'llama', layers: 3 });
    // Rows of queries and keys are Meta's, so are the names.
    expect(config).toBeNull();
    expect(new Set(tensors.map(({ role }) => role))).not.toContain('other');
    const scaled = (matrix: Float32Array, layer: number) =>
      matrix.map((weight, at) => weight * fixtureScale(layer, Math.floor(at / groupSize)));
    expect(values(checkpoint, 'tok_embeddings.weight')).toEqual(scaled(stored('tok', 0, 10, 16), 0));
    expect(values(checkpoint, 'output.weight')).toEqual(scaled(stored('output', 0, 10, 16), 0));
    expect(values(checkpoint, 'layers.2.attention.wk.weight')).toEqual(scaled(stored('wk', 2, 8, 16), 2));
    expect(values(checkpoint, 'layers.1.feed_forward.w2.weight')).toEqual(scaled(stored('w2', 1, 16, 24), 1));
    expect(values(checkpoint, 'layers.1.attention_norm.weight')).toEqual(stored('attention_norm', 1, 1, 16));
    const wq = tensors.find(({ name }) => name === 'layers.0.attention.wq.weight');
    expect(wq).toMatchObject({ dtype: 'INT8', elements: 256, bytes: 256 + (256 / groupSize) * 4 });
  });

  test('groups that cross rows', async () => {
    const checkpoint = await open({ version: 2, groupSize: 16, feedForward: 24 });
    const expected = stored('w2', 1, 16, 24).map((weight, at) => weight * fixtureScale(1, Math.floor(at / 16)));
    expect(values(checkpoint, 'layers.1.feed_forward.w2.weight')).toEqual(expected);
  });
});

describe('refused', () => {
  const legacy = llama2cBytes(SIZES);
  const quantized = llama2cBytes({ ...SIZES, version: 2 });
  const changed = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setInt32(at, value, true);
    return copy;
  };
  const cases: Readonly<Record<string, [string, Uint8Array]>> = {
    'legacy, one byte short': ['FORMAT_UNKNOWN', legacy.subarray(0, -1)],
    'legacy, one byte more': ['FORMAT_UNKNOWN', Buffer.concat([legacy, new Uint8Array(1)])],
    'legacy, no layers': ['FORMAT_UNKNOWN', changed(legacy, 8, 0)],
    'legacy, all sizes 2^31 − 1': ['FORMAT_UNKNOWN', new Uint8Array(28).fill(0x7f)],
    'one byte short': ['TENSOR_OVERRUN', quantized.subarray(0, -1)],
    'one byte more': ['TENSOR_GAP', Buffer.concat([quantized, new Uint8Array(1)])],
    'header only': ['TENSOR_OVERRUN', quantized.subarray(0, 256)],
    'header cut': ['HEADER_TRUNCATED', quantized.subarray(0, 200)],
    'version 3': ['VERSION_UNSUPPORTED', changed(quantized, 4, 3)],
    'negative width': ['HEADER_INVALID', changed(quantized, 8, -16)],
    'heads that do not divide the width': ['HEADER_INVALID', changed(quantized, 20, 3)],
    'heads of odd width': ['HEADER_INVALID', changed(quantized, 20, 16)],
    'keys and values not shared evenly': ['HEADER_INVALID', changed(quantized, 24, 3)],
    'groups of nothing': ['HEADER_INVALID', changed(quantized, 37, 0)],
    'groups that do not fit': ['PACKING_INVALID', changed(quantized, 37, 7)],
  };
  test.each(Object.entries(cases))('%s', async (_, [code, bytes]) => {
    await expect(openCheckpoint(write(bytes))).rejects.toMatchObject({ code });
  });
});

describe('published models', () => {
  const model = 'models/stories260K-bin/model/stories260K.bin';
  const GGUF: Readonly<Record<string, string>> = {
    'self_attn.q_proj': 'attn_q',
    'self_attn.k_proj': 'attn_k',
    'self_attn.v_proj': 'attn_v',
    'self_attn.o_proj': 'attn_output',
    'mlp.gate_proj': 'ffn_gate',
    'mlp.down_proj': 'ffn_down',
    'mlp.up_proj': 'ffn_up',
    input_layernorm: 'attn_norm',
    post_attention_layernorm: 'ffn_norm',
  };

  test('the same weights as the GGUF file of the same model', async ({ skip }) => {
    const path = sharedData(model);
    const gguf = sharedData('models/stories260K-gguf/testdata/stories260K.gguf');
    if (path === null || gguf === null) return skip('the data is not on this machine');
    const ours = await openCheckpoint(path);
    const theirs = await openCheckpoint(gguf);
    expect(ours.model).toEqual(theirs.model);
    for (let layer = 0; layer < 5; layer++) {
      for (const [name, ggufName] of Object.entries(GGUF)) {
        const found = values(ours, `model.layers.${layer}.${name}.weight`);
        const expected = values(theirs, `blk.${layer}.${ggufName}.weight`);
        // GGUF interleaves the rows of queries and keys.
        const heads = name === 'self_attn.q_proj' ? 8 : name === 'self_attn.k_proj' ? 4 : 0;
        const rows = heads * 8;
        expect(found, name).toEqual(heads === 0 ? expected : toHalves(expected, rows, 64, heads));
      }
    }
    expect(values(ours, 'model.embed_tokens.weight')).toEqual(values(theirs, 'token_embd.weight'));
    expect(values(ours, 'model.norm.weight')).toEqual(values(theirs, 'output_norm.weight'));
  });

  test('the int8 model is within half a step of the float one', async ({ skip }) => {
    const path = sharedData(model);
    const int8 = sharedData('models/stories260K-bin/model/stories260K-q8.bin');
    if (path === null || int8 === null) return skip('the data is not on this machine');
    const ours = await openCheckpoint(path);
    const quantized = await openCheckpoint(int8);
    const META: Readonly<Record<string, string>> = { v_proj: 'attention.wv', down_proj: 'feed_forward.w2' };
    const pairs: [string, string][] = [['model.embed_tokens.weight', 'tok_embeddings.weight']];
    for (let layer = 0; layer < 5; layer++) {
      pairs.push([`model.layers.${layer}.self_attn.v_proj.weight`, `layers.${layer}.${META.v_proj}.weight`]);
      pairs.push([`model.layers.${layer}.mlp.down_proj.weight`, `layers.${layer}.${META.down_proj}.weight`]);
    }
    for (const [name, other] of pairs) {
      const exact = values(ours, name);
      const rounded = values(quantized, other);
      const groupSize = Number(quantized.metadata.group_size);
      expect(rounded.length).toBe(exact.length);
      let worst = 0;
      for (let group = 0; group < exact.length; group += groupSize) {
        const step = Math.max(...exact.subarray(group, group + groupSize).map(Math.abs)) / 127;
        for (let at = group; at < group + groupSize; at++) {
          worst = Math.max(worst, Math.abs((exact[at] ?? 0) - (rounded[at] ?? 0)) / step);
        }
      }
      expect(worst, name).toBeLessThan(0.5001);
      expect(worst, name).toBeGreaterThan(0.4);
    }
  });

  test('a tokenizer is no model', async ({ skip }) => {
    const path = sharedData('models/stories260K-bin/model/tok512.bin');
    if (path === null) return skip('the data is not on this machine');
    await expect(openCheckpoint(path)).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN' });
  });
});

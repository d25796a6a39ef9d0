// The forward pass against plain float64 loops, for every switch of the block; and what stops a run.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { type FixtureTensor, writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { ggufKeyValuesOf } from './ggufHeaders.ts';
import { type DecoderShape, naiveLogits, type Weights } from './straightforward.ts';

const folder = temporaryFolder();
const pool = createPool(new URL('./worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const [LAYERS, WIDTH, HEADS, KV, HEAD, FF, VOCABULARY] = [2, 16, 4, 2, 6, 20, 11];

/** Deterministic numbers of a sensible size for a weight of `columns` inputs. */
function numbers(count: number, columns: number, seed: number): Float32Array {
  let state = seed * 2654435761 + 12345;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * (columns === 1 ? 1 : 1.7 / Math.sqrt(columns));
  });
}

interface Switches {
  headNorms?: boolean;
  attentionBias?: boolean;
  tied?: boolean;
}

function layerShapes({ headNorms, attentionBias }: Switches): [name: string, ours: string, shape: number[]][] {
  const [q, k] = [HEADS * HEAD, KV * HEAD];
  return [
    ['input_layernorm.weight', 'attn_norm', [WIDTH]],
    ['self_attn.q_proj.weight', 'q', [q, WIDTH]],
    ['self_attn.k_proj.weight', 'k', [k, WIDTH]],
    ['self_attn.v_proj.weight', 'v', [k, WIDTH]],
    ['self_attn.o_proj.weight', 'o', [WIDTH, q]],
    ['post_attention_layernorm.weight', 'ffn_norm', [WIDTH]],
    ['mlp.gate_proj.weight', 'gate', [FF, WIDTH]],
    ['mlp.up_proj.weight', 'up', [FF, WIDTH]],
    ['mlp.down_proj.weight', 'down', [WIDTH, FF]],
    ...((attentionBias
      ? [
          ['self_attn.q_proj.bias', 'q.bias', [q]],
          ['self_attn.k_proj.bias', 'k.bias', [k]],
          ['self_attn.v_proj.bias', 'v.bias', [k]],
        ]
      : []) as [string, string, number[]][]),
    ...((headNorms
      ? [
          ['self_attn.q_norm.weight', 'q_norm', [HEAD]],
          ['self_attn.k_norm.weight', 'k_norm', [HEAD]],
        ]
      : []) as [string, string, number[]][]),
  ];
}

function model(switches: Switches): { tensors: FixtureTensor[]; weights: Weights } {
  const tensors: FixtureTensor[] = [];
  const values = new Map<string, Float32Array>();
  let seed = 1;
  const make = (name: string, key: string, shape: number[]): void => {
    const data = numbers(
      shape.reduce((a, b) => a * b, 1),
      shape.at(-1) === shape[0] ? 1 : (shape.at(-1) ?? 1),
      seed++,
    );
    tensors.push({ name, dtype: 'F32', shape, data });
    values.set(key, data);
  };
  make('model.embed_tokens.weight', '/embed', [VOCABULARY, WIDTH]);
  for (let layer = 0; layer < LAYERS; layer++)
    for (const [name, ours, shape] of layerShapes(switches))
      make(`model.layers.${layer}.${name}`, `${layer}/${ours}`, shape);
  make('model.norm.weight', '/norm', [WIDTH]);
  if (switches.tied !== true) make('lm_head.weight', '/output', [VOCABULARY, WIDTH]);
  else values.set('/output', values.get('/embed') ?? new Float32Array());
  return {
    tensors,
    weights: (layer, name) => values.get(`${layer ?? ''}/${name}`) ?? new Float32Array(),
  };
}

const CONFIG = {
  hidden_size: WIDTH,
  intermediate_size: FF,
  num_hidden_layers: LAYERS,
  num_attention_heads: HEADS,
  num_key_value_heads: KV,
  head_dim: HEAD,
  vocab_size: VOCABULARY,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 100,
};

let count = 0;
function save(tensors: readonly FixtureTensor[], config: object): string {
  const own = join(folder, `model${count++}`);
  mkdirSync(own);
  writeSafetensors(join(own, 'model.safetensors'), tensors);
  writeFileSync(join(own, 'config.json'), JSON.stringify({ ...CONFIG, ...config }));
  return own;
}

const IDS = [
  [3, 1, 4, 1, 5, 9, 2, 6, 5],
  [7, 10, 0, 3, 2, 8, 8, 1, 0],
  [1, 1, 1, 1, 1, 1, 1, 1, 1],
];

/** 1 / θ^(2i/d) */
const FREQUENCIES = Float64Array.from({ length: HEAD / 2 }, (_, i) => CONFIG.rope_theta ** ((-2 * i) / HEAD));

function shapeOf(
  { headNorms = false, attentionBias = false }: Switches,
  more: Partial<DecoderShape> = {},
): DecoderShape {
  return {
    layers: LAYERS,
    width: WIDTH,
    heads: HEADS,
    keyValueHeads: KV,
    headWidth: HEAD,
    normEpsilon: CONFIG.rms_norm_eps,
    frequencies: FREQUENCIES,
    rotation: 'halves',
    headNorms,
    attentionBias,
    ...more,
  };
}

async function rowsOf(path: string): Promise<Float32Array[]> {
  const decoder = await Decoder.open(await openCheckpoint(path), pool);
  const rows: Float32Array[] = [];
  for await (const { logits } of decoder.logits(
    IDS.map((ids) => Uint32Array.from(ids)),
    0,
  ))
    for (let at = 0; at < logits.length; at += VOCABULARY) rows.push(logits.slice(at, at + VOCABULARY));
  return rows;
}

/** Largest difference relative to the largest logit. */
function distance(rows: readonly Float32Array[], expected: readonly Float64Array[]): number {
  expect(rows).toHaveLength(expected.length);
  let difference = 0;
  let largest = 0;
  expected.forEach((row, r) => {
    row.forEach((value, i) => {
      difference = Math.max(difference, Math.abs(value - (rows[r]?.[i] ?? Number.NaN)));
      largest = Math.max(largest, Math.abs(value));
    });
  });
  expect(largest).toBeGreaterThan(0.1);
  return difference / largest;
}

describe('logits', () => {
  test.each([
    ['Llama', { architectures: ['LlamaForCausalLM'] }, {}],
    ['Llama, tied', { architectures: ['LlamaForCausalLM'], tie_word_embeddings: true }, { tied: true }],
    ['Mistral', { architectures: ['MistralForCausalLM'] }, {}],
    ['Qwen 2', { architectures: ['Qwen2ForCausalLM'] }, { attentionBias: true }],
    ['Qwen 3', { architectures: ['Qwen3ForCausalLM'] }, { headNorms: true }],
  ] as const)('%s', async (_name, config, switches) => {
    const { tensors, weights } = model(switches);
    const rows = await rowsOf(save(tensors, config));
    const expected = IDS.flatMap((ids) => naiveLogits(shapeOf(switches), weights, ids));
    expect(distance(rows, expected)).toBeLessThan(1e-5);
  });

  test('tied, stored under the name of the head', async () => {
    const { tensors, weights } = model({ tied: true });
    const renamed = tensors.map((tensor) =>
      tensor.name === 'model.embed_tokens.weight' ? { ...tensor, name: 'lm_head.weight' } : tensor,
    );
    const config = { architectures: ['LlamaForCausalLM'] };
    const rows = await rowsOf(save(renamed, { ...config, tie_word_embeddings: true }));
    const expected = IDS.flatMap((ids) => naiveLogits(shapeOf({}), weights, ids));
    expect(distance(rows, expected)).toBeLessThan(1e-5);
    await expect(rowsOf(save(renamed, { ...config, tie_word_embeddings: false }))).rejects.toMatchObject({
      code: 'TENSOR_NOT_FOUND',
    });
  });

  test('linear scaling', async () => {
    const { tensors, weights } = model({});
    const scaling = { rope_scaling: { type: 'linear', factor: 2 } };
    const rows = await rowsOf(save(tensors, { architectures: ['LlamaForCausalLM'], ...scaling }));
    const shape = shapeOf({}, { frequencies: FREQUENCIES.map((frequency) => frequency / 2) });
    const expected = IDS.flatMap((ids) => naiveLogits(shape, weights, ids));
    expect(distance(rows, expected)).toBeLessThan(1e-5);
  });

  test("llama.cpp's Llama rotates neighbours", async () => {
    const { tensors, weights } = model({});
    const path = join(folder, 'pairs.gguf');
    writeGguf(path, tensors.map(ggufTensor), ggufKeyValuesOf(CONFIG));
    const expected = IDS.flatMap((ids) => naiveLogits(shapeOf({}, { rotation: 'pairs' }), weights, ids));
    expect(distance(await rowsOf(path), expected)).toBeLessThan(1e-5);
  });
});

describe('what stops a run', () => {
  const open = async (path: string) => Decoder.open(await openCheckpoint(path), pool);
  const all = async (decoder: Decoder, signal?: AbortSignal) => {
    for await (const _ of decoder.logits(
      IDS.map((ids) => Uint32Array.from(ids)),
      0,
      { signal },
    ))
      void _;
  };

  test('a weight that is not there', async () => {
    const tensors = model({}).tensors.filter(({ name }) => name !== 'model.layers.1.mlp.up_proj.weight');
    await expect(open(save(tensors, { architectures: ['LlamaForCausalLM'] }))).rejects.toMatchObject({
      code: 'TENSOR_NOT_FOUND',
      message: expect.stringContaining('no up weight in layer 1'),
    });
  });

  test.each([
    ['widths', { intermediate_size: FF + 1 }, 'mlp.gate_proj.weight is [20, 16], the configuration says [21, 16]'],
    ['fewer layers', { num_hidden_layers: LAYERS - 1 }, 'layers.1.input_layernorm.weight belongs to layer 1'],
    [
      'a width of its own',
      { hidden_size: WIDTH * 2 },
      'embed_tokens.weight is [11, 16], the configuration says [11, 32]',
    ],
  ])('a configuration with other %s', async (_what, config, sentence) => {
    const path = save(model({}).tensors, { architectures: ['LlamaForCausalLM'], ...config });
    await expect(open(path)).rejects.toMatchObject({
      code: 'SHAPE_INVALID',
      message: expect.stringContaining(sentence),
    });
  });

  test('two tensors for one place', async () => {
    const { tensors } = model({});
    const twice = tensors.flatMap((tensor) =>
      tensor.name === 'model.layers.1.mlp.up_proj.weight'
        ? [tensor, { ...tensor, name: 'model.layers.1.feed_forward.w3.weight' }]
        : [tensor],
    );
    await expect(open(save(twice, { architectures: ['LlamaForCausalLM'] }))).rejects.toMatchObject({
      code: 'DUPLICATE_NAME',
      message: expect.stringMatching(/both \S+ and \S+ are the up weight in layer 1/),
    });
  });

  test('a configuration with more layers', async () => {
    const path = save(model({}).tensors, { architectures: ['LlamaForCausalLM'], num_hidden_layers: 4_000_000_000 });
    await expect(open(path)).rejects.toMatchObject({
      code: 'TENSOR_NOT_FOUND',
      message: expect.stringContaining(`in layer ${LAYERS}`),
    });
  });

  test.each([
    ['a text for a number', { rms_norm_eps: '0.5' }, 'rms_norm_eps is "0.5", a number is needed'],
    ['an object for a number', { rope_theta: { a: 1 } }, 'rope_theta is {"a":1}, a number is needed'],
    ['a negative count', { head_dim: -WIDTH }, `head_dim is -${WIDTH}, a positive integer is needed`],
    ['a fraction for a count', { head_dim: 7.5 }, 'head_dim is 7.5, a positive integer is needed'],
    ['an object for a text', { hidden_act: {} }, 'hidden_act is {}, a text is needed'],
    ['a list for an object', { rope_scaling: [1] }, 'rope_scaling is [1], an object is needed'],
    ['a number for a type', { rope_scaling: { rope_type: 1 } }, 'rope_type is 1, a text is needed'],
    [
      'a text in an object',
      { rope_scaling: { rope_type: 'linear', factor: '2' } },
      'factor is "2", a number is needed',
    ],
    ['no rotary base', { rope_theta: 0 }, 'rotary frequencies of the base 0'],
    ['a negative rotary base', { rope_theta: -1 }, 'rotary frequencies of the base -1'],
    ['a ramp without ends', { rope_scaling: { rope_type: 'yarn', factor: 2, beta_fast: -1 } }, 'scaling yarn are not'],
  ])('a configuration with %s', async (_what, config, sentence) => {
    const path = save(model({}).tensors, { architectures: ['LlamaForCausalLM'], ...config });
    await expect(open(path)).rejects.toMatchObject({
      code: 'HEADER_INVALID',
      message: expect.stringContaining(sentence),
    });
  });

  test('NaN weights name the layer', async () => {
    const { tensors } = model({});
    const broken = tensors.map((tensor) =>
      tensor.name === 'model.layers.1.self_attn.o_proj.weight'
        ? { ...tensor, data: new Float32Array(tensor.data.byteLength / 4).fill(Number.NaN) }
        : tensor,
    );
    const decoder = await open(save(broken, { architectures: ['LlamaForCausalLM'] }));
    await expect(all(decoder)).rejects.toMatchObject({
      code: 'NON_FINITE',
      message: expect.stringContaining('layer 1'),
    });
  });

  test('a token beyond the vocabulary', async () => {
    const decoder = await open(save(model({}).tensors, { architectures: ['LlamaForCausalLM'] }));
    const run = decoder.logits([Uint32Array.of(1, VOCABULARY)], 0);
    await expect(run.next()).rejects.toMatchObject({ code: 'TOKENIZER_UNSUPPORTED' });
  });

  test('cancelling', async () => {
    const decoder = await open(save(model({}).tensors, { architectures: ['LlamaForCausalLM'] }));
    await expect(all(decoder, AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

const GGUF_NAMES: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

function ggufTensor(tensor: FixtureTensor): FixtureTensor {
  const [, layer, rest] = /^model\.layers\.(\d+)\.(.*)\.weight$/.exec(tensor.name) ?? [];
  const stem = rest ?? tensor.name.replace(/\.weight$/, '');
  const name = `${GGUF_NAMES[stem] ?? stem}.weight`;
  return { ...tensor, name: layer === undefined ? name : `blk.${layer}.${name}` };
}

// Whole models: the same network in every packing has the same parameters; parts may lie in other shards; plain models
// are left alone.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { countParameters } from '../../../../core/checkpoint/checkpoint.ts';
import type { StoredTensor } from '../../../../core/checkpoint/format.ts';
import { openCheckpoint } from '../../../../core/checkpoint/open.ts';
import { collectPacked } from '../../../../core/checkpoint/packed/collect.ts';
import { bitsandbytes4Layer, bitsandbytes8Layer } from '../../../fixtures/packed/bitsandbytesLayer.ts';
import { intQuantizedLayer, packQuantizedLayer } from '../../../fixtures/packed/compressedTensorsLayer.ts';
import { awqLayer, gptqLayer } from '../../../fixtures/packed/gptqLayer.ts';
import { hqqLayer } from '../../../fixtures/packed/hqqLayer.ts';
import { mlxLayer } from '../../../fixtures/packed/mlxLayer.ts';
import { fixtureTensor, type PackedLayer } from '../../../fixtures/packed/packedLayer.ts';
import { fp8Layer, mxfp4Layer, nvfp4Layer } from '../../../fixtures/packed/smallFloatLayers.ts';
import { temporaryFolder } from '../../../fixtures/temporaryFolder.ts';
import { type FixtureTensor, writeShardedSafetensors } from '../../../fixtures/writeSafetensors.ts';
import { decoded, openPacked, tensorNamed } from './openPacked.ts';

/** A Llama of two layers: 128 hidden, 64 in keys and values, 256 in the MLP. */
const LAYERS = 2;
const LINEARS: Readonly<Record<string, readonly [rows: number, columns: number]>> = {
  'self_attn.q_proj': [128, 128],
  'self_attn.k_proj': [64, 128],
  'self_attn.v_proj': [64, 128],
  'self_attn.o_proj': [128, 128],
  'mlp.gate_proj': [256, 128],
  'mlp.up_proj': [256, 128],
  'mlp.down_proj': [128, 256],
};

type Packer = (module: string, rows: number, columns: number) => PackedLayer;

function llama(pack: Packer): FixtureTensor[] {
  const bf16 = (name: string, ...shape: number[]): FixtureTensor =>
    fixtureTensor(name, 'BF16', shape, new Uint16Array(shape.reduce((product, size) => product * size, 1)));
  const layers = Array.from({ length: LAYERS }, (_, layer) => {
    const prefix = `model.layers.${layer}`;
    const norms = ['input_layernorm', 'post_attention_layernorm'].map((norm) => bf16(`${prefix}.${norm}.weight`, 128));
    const linears = Object.entries(LINEARS).flatMap(([linear, [rows, columns]]) => [
      ...pack(`${prefix}.${linear}`, rows, columns).tensors,
    ]);
    return [...norms, ...linears];
  });
  return [
    bf16('model.embed_tokens.weight', 320, 128),
    ...layers.flat(),
    bf16('model.norm.weight', 128),
    bf16('lm_head.weight', 320, 128),
  ];
}

const unpacked: Packer = (module, rows, columns) => ({
  tensors: [fixtureTensor(`${module}.weight`, 'BF16', [rows, columns], new Uint16Array(rows * columns))],
  shape: [rows, columns],
  values: [],
});
const gptq =
  (bits: 2 | 3 | 4 | 8): Packer =>
  (module, rows, columns) =>
    gptqLayer({ module, bits, rows, columns, groupSize: 64, version: 1 });
const packers: readonly [string, Packer][] = [
  ['GPTQ, 4 bit', gptq(4)],
  ['GPTQ, 3 bit', gptq(3)],
  ['AWQ', (module, rows, columns) => awqLayer(module, rows, columns, 64)],
  [
    'compressed-tensors, 4 bit',
    (module, rows, columns) =>
      packQuantizedLayer({ module, bits: 4, rows, columns, strategy: 'group', groupSize: 64, asymmetric: true }),
  ],
  [
    'compressed-tensors, 5 bit, older packing',
    (module, rows, columns) =>
      packQuantizedLayer({ module, bits: 5, rows, columns, strategy: 'channel', packing: 'slots' }),
  ],
  ['compressed-tensors, int8', (module, rows, columns) => intQuantizedLayer(module, rows, columns, 1, true)],
  [
    'bitsandbytes NF4',
    (module, rows, columns) =>
      bitsandbytes4Layer({ module, type: 'nf4', shape: [rows, columns], blocksize: 64, nested: true }),
  ],
  ['bitsandbytes int8', bitsandbytes8Layer],
  [
    'FP8',
    (module, rows, columns) =>
      fp8Layer({
        ...{ name: `${module}.weight`, scaleName: `${module}.weight_scale_inv`, shape: [rows, columns] },
        ...{ scaleShape: [Math.ceil(rows / 128), Math.ceil(columns / 128)], rowGroup: 128, columnGroup: 128 },
      }),
  ],
  ['MXFP4', mxfp4Layer],
  ['NVFP4', (module, rows, columns) => nvfp4Layer(module, 'compressed-tensors', rows, columns)],
  ['HQQ', (module, rows, columns) => hqqLayer({ module, bits: 4, shape: [rows, columns], groupSize: 64, axis: 1 })],
  ['MLX, 3 bit', (module, rows, columns) => mlxLayer({ module, bits: 3, groupSize: 64, shape: [rows, columns] })],
];

describe('the same model', () => {
  test.each(packers)('%s: names, shapes, roles and parameters of the unpacked one', async (_, pack) => {
    const [plain, packed] = await Promise.all([openPacked(llama(unpacked)), openPacked(llama(pack))]);
    const facts = (checkpoint: typeof plain) =>
      checkpoint.tensors.map(({ name, shape, elements, role, layer, module }) => ({
        ...{ name, shape, elements, role, layer, module },
      }));
    expect(packed.warnings).toEqual([]);
    expect(facts(packed)).toEqual(facts(plain));
    expect(countParameters(packed.tensors)).toBe(countParameters(plain.tensors));
    const bytes = packed.tensors.reduce((total, tensor) => total + tensor.bytes, 0);
    expect(bytes).toBe(llama(pack).reduce((total, { data }) => total + data.byteLength, 0));
  });

  test('parts in other shards than their codes', async () => {
    const folder = join(temporaryFolder(), 'shards');
    const layer = gptqLayer({ module: 'm', bits: 4, rows: 32, columns: 64, groupSize: 32, version: 1 });
    const compressed = packQuantizedLayer({ module: 'n', bits: 3, rows: 8, columns: 64, strategy: 'channel' });
    const all = [...layer.tensors, ...compressed.tensors];
    const shards = [0, 1, 2].map((shard) => all.filter((_, at) => at % 3 === shard));
    writeShardedSafetensors(folder, shards, { quantization_config: { quant_method: 'gptq', desc_act: true } });
    const checkpoint = await openCheckpoint(folder);
    expect(checkpoint.warnings).toEqual([]);
    expect(checkpoint.tensors.map(({ name }) => name).sort()).toEqual(['m.weight', 'n.weight']);
    expect(decoded(checkpoint, tensorNamed(checkpoint, 'm.weight'))).toEqual(layer.values);
    expect(decoded(checkpoint, tensorNamed(checkpoint, 'n.weight'))).toEqual(compressed.values);
  });

  test('a configuration that is not an object, or deep as the file is long, changes nothing', async () => {
    const layer = gptqLayer({ module: 'm', bits: 4, rows: 32, columns: 64, groupSize: 32, version: 1 });
    const first = await openPacked(layer.tensors);
    const deep = `{"quantization_config":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`;
    const many = JSON.stringify({
      quantization_config: {
        config_groups: Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`g${at}`, at])),
      },
    });
    for (const text of ['[]', '{"quantization_config":[1]}', '{"quantization_config":null}', deep, many]) {
      writeFileSync(join(first.path, 'config.json'), text);
      const checkpoint = await openCheckpoint(first.path);
      expect(decoded(checkpoint, tensorNamed(checkpoint, 'm.weight'))).toEqual(layer.values);
    }
  });
});

describe('models without packed weights', () => {
  test('a million tensors come back as they are, and nothing is read', async () => {
    const tensors = Array.from({ length: 1_000_000 }, (_, at): StoredTensor => {
      const name = `model.layers.${at}.mlp.up_proj.weight`;
      return { name, dtype: 'BF16', shape: [1, 1], elements: 1, bytes: 2, file: 0, offset: at * 2 };
    });
    const collected = await collectPacked(tensors, [], { quantization_config: { quant_method: 'gptq' } });
    expect(collected.tensors).toBe(tensors);
    expect(collected).toMatchObject({ warnings: [], bytesRead: 0 });
  });

  test('integer tensors of ordinary models are not taken for codes', async () => {
    const tensors = [
      fixtureTensor('embeddings.position_ids', 'I64', [1, 8], new BigInt64Array(8)),
      fixtureTensor('a.weight', 'U8', [4, 4], new Uint8Array(16)),
      fixtureTensor('b.weight', 'I8', [4, 4], new Int8Array(16)),
      fixtureTensor('c.weight', 'U32', [4, 4], new Uint32Array(16)),
      fixtureTensor('d.weight', 'F8_E4M3', [4, 4], new Uint8Array(16)),
      fixtureTensor('d_blocks', 'U8', [4, 4], new Uint8Array(16)),
      fixtureTensor('packing', 'U8', [4], new Uint8Array(4)),
    ];
    const checkpoint = await openPacked(tensors);
    expect(checkpoint.warnings).toEqual([]);
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(tensors.map(({ name }) => name));
    expect(checkpoint.tensors.some((tensor) => tensor.storage !== undefined)).toBe(false);
  });

  test('codes without their scales are told once', async () => {
    const qweight = ['a', 'b'].map((module) => fixtureTensor(`${module}.qweight`, 'I32', [4, 8], new Int32Array(32)));
    const checkpoint = await openPacked(qweight);
    expect(checkpoint.tensors).toHaveLength(2);
    expect(checkpoint.warnings).toEqual([
      '2 packed tensors listed as stored, "a.qweight" the first: the scales that belong to them are missing',
    ]);
  });
});

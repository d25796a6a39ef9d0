// ONNX: where tensors lie, constants, inner graphs, files beside the model; the graph is read, the data is not.

import { mkdirSync, openSync, symlinkSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { tensorSource } from '../../../core/checkpoint/tensorSource.ts';
import { readElements } from '../../../core/decode/elements.ts';
import { loadKernels } from '../../../core/kernels/wasm.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import {
  bytes,
  externalData,
  float,
  graphProto,
  integer,
  nodeProto,
  ONNX,
  type OnnxFixtureGraph,
  onnxBytes,
  varint,
  writeOnnx,
} from '../../fixtures/writeOnnx.ts';
import { concatenate } from '../../fixtures/writeSafetensors.ts';

const folder = temporaryFolder();
const kernels = await loadKernels();
let written = 0;

async function open(graph: OnnxFixtureGraph, fields: readonly ArrayBufferView[] = []): Promise<Checkpoint> {
  const path = join(folder, `${written++}.onnx`);
  writeOnnx(path, graph, fields);
  return openCheckpoint(path);
}

function valuesOf(checkpoint: Checkpoint, name: string): number[] {
  const tensor = checkpoint.tensors.find((one) => one.name === name);
  if (tensor === undefined) throw new Error(`no ${name} in ${checkpoint.tensors.map((one) => one.name)}`);
  return kernels.arena.scoped(() => {
    const at = readElements(kernels, tensorSource(checkpoint, tensor.index), 0, tensor.elements);
    return [...kernels.arena.f32(at, tensor.elements)];
  });
}

const weight = (name: string, rows = 2, columns = 3) => ({
  name,
  type: ONNX.FLOAT,
  shape: [rows, columns],
  raw: Float32Array.from({ length: rows * columns }, (_, at) => at),
});

describe('tensors', () => {
  test('raw data is found, not read', async () => {
    const checkpoint = await open({ tensors: [weight('a', 64, 512), weight('b', 64, 512)] });
    expect(checkpoint.tensors.map(({ name, dtype, shape, bytes }) => ({ name, dtype, shape, bytes }))).toEqual([
      { name: 'a', dtype: 'F32', shape: [64, 512], bytes: 131_072 },
      { name: 'b', dtype: 'F32', shape: [64, 512], bytes: 131_072 },
    ]);
    expect(checkpoint.bytesRead).toBeLessThan(16 * 1024);
    expect(valuesOf(checkpoint, 'b').slice(0, 4)).toEqual([0, 1, 2, 3]);
  });

  test('numbers in typed fields: packed floats stay in the file, varints are decoded', async () => {
    const checkpoint = await open({
      tensors: [
        { name: 'packed', type: ONNX.FLOAT, shape: [2], fields: [bytes(4, Float32Array.of(0.5, -2))] },
        { name: 'single', type: ONNX.FLOAT, shape: [2], fields: [float(4, 1.5), float(4, 2.5)] },
        { name: 'longs', type: ONNX.INT64, shape: [3], fields: [bytes(7, [varint(1), varint(-1), varint(300)])] },
        { name: 'loose', type: ONNX.INT64, shape: [2], fields: [integer(7, -5), integer(7, 5)] },
        { name: 'bytes', type: ONNX.INT8, shape: [2], fields: [bytes(5, [varint(-128), varint(7)])] },
        { name: 'halves', type: ONNX.FLOAT16, shape: [2], fields: [bytes(5, [varint(0x3c00), varint(0xc100)])] },
        { name: 'nibbles', type: ONNX.INT4, shape: [3], fields: [bytes(5, [varint(0x8f), varint(7)])] },
      ],
    });
    expect(checkpoint.tensors.map(({ dtype, storage }) => [dtype, storage?.kind])).toEqual([
      ['F32', undefined],
      ['F32', 'inline'],
      ['I64', 'inline'],
      ['I64', 'inline'],
      ['I8', 'inline'],
      ['F16', 'inline'],
      ['INT4', 'inline'],
    ]);
    expect(valuesOf(checkpoint, 'packed')).toEqual([0.5, -2]);
    expect(valuesOf(checkpoint, 'single')).toEqual([1.5, 2.5]);
    expect(valuesOf(checkpoint, 'longs')).toEqual([1, -1, 300]);
    expect(valuesOf(checkpoint, 'loose')).toEqual([-5, 5]);
    expect(valuesOf(checkpoint, 'bytes')).toEqual([-128, 7]);
    expect(valuesOf(checkpoint, 'halves')).toEqual([1, -2.5]);
    expect(valuesOf(checkpoint, 'nibbles')).toEqual([-1, -8, 7]);
  });

  test('codes of 4 bits count half a byte, an odd one ends inside a byte', async () => {
    const checkpoint = await open({
      tensors: [
        { name: 'signed', type: ONNX.INT4, shape: [1, 3], raw: Uint8Array.of(0xf1, 0x08) },
        { name: 'unsigned', type: ONNX.UINT4, shape: [4], raw: Uint8Array.of(0xf1, 0x08) },
        { name: 'floats', type: ONNX.FLOAT4E2M1, shape: [3], raw: Uint8Array.of(0x71, 0x0f) },
      ],
    });
    expect(checkpoint.tensors.map(({ dtype, bytes }) => [dtype, bytes])).toEqual([
      ['INT4', 2],
      ['INT4', 2],
      ['F4', 2],
    ]);
    expect(valuesOf(checkpoint, 'signed')).toEqual([1, -1, -8]);
    expect(valuesOf(checkpoint, 'unsigned')).toEqual([1, 15, 8, 0]);
    expect(valuesOf(checkpoint, 'floats')).toEqual([0.5, 6, -6]);
  });

  test('constants are tensors, text is told and left out', async () => {
    const text = { name: 'words', type: ONNX.STRING, shape: [1], fields: [bytes(6, 'hello')] };
    const value = concatenate([
      bytes(5, [integer(1, 2), integer(2, ONNX.FLOAT), bytes(8, 'inner'), bytes(9, Float32Array.of(1, 2))]),
      integer(20, 4),
    ]);
    const checkpoint = await open({
      nodes: [
        { op: 'Constant', outputs: ['t'], attributes: { value } },
        { op: 'Constant', outputs: ['f'], attributes: { value_float: float(2, 0.25) } },
        { op: 'Constant', outputs: ['i'], attributes: { value_int: -3 } },
        { op: 'Constant', outputs: ['is'], attributes: { value_ints: concatenate([integer(8, 1), integer(8, -1)]) } },
        { op: 'Constant', outputs: ['s'], attributes: { value_string: bytes(4, 'text') } },
        { op: 'ConstantOfShape', inputs: ['is'], outputs: ['z'], attributes: { value } },
      ],
      tensors: [text],
    });
    expect(checkpoint.tensors.map(({ name, shape }) => [name, shape])).toEqual([
      ['t', [2]],
      ['f', []],
      ['i', []],
      ['is', [2]],
    ]);
    expect(['t', 'f', 'i', 'is'].map((name) => valuesOf(checkpoint, name))).toEqual([[1, 2], [0.25], [-3], [1, -1]]);
    expect(checkpoint.warnings).toEqual([expect.stringMatching(/not listed: "s", "words" \(text\)$/)]);
  });

  test('tensors of inner graphs and functions have the names of their places', async () => {
    const body = (name: string) => bytes(6, graphProto({ tensors: [weight(name)] }));
    const node = { op: 'If', attributes: { then_branch: body('w'), else_branch: body('w') } };
    const constant = bytes(5, [bytes(1, 'value_float'), float(2, 3)]);
    const inside = concatenate([bytes(2, 'c'), bytes(4, 'Constant'), constant]);
    const functions = bytes(25, [bytes(1, 'Scale'), bytes(7, inside), bytes(10, 'local')]);
    const { tensors } = await open({ nodes: [{ ...node, name: '/If' }, node, node], tensors: [weight('w')] }, [
      functions,
    ]);
    expect(tensors.map(({ name }) => name)).toEqual([
      'w',
      '/If.then_branch/w',
      '/If.else_branch/w',
      'If.then_branch/w',
      'If.else_branch/w',
      'If.then_branch#5/w',
      'If.else_branch#6/w',
      'local.Scale/c',
    ]);
  });
});

describe('places', () => {
  const layer = '/model/layers.3';
  const cases: readonly (readonly [name: string, node: string, op: string, input: number, role: string])[] = [
    ['onnx::MatMul_812', `${layer}/self_attn/q_proj/MatMul`, 'MatMul', 1, 'attention.q'],
    ['onnx::MatMul_812', `${layer}/mlp/down_proj/MatMul_1`, 'MatMul', 1, 'mlp.down'],
    ['val_17', `${layer}/self_attn/v_proj/Gemm`, 'Gemm', 1, 'attention.v'],
    ['val_17', `${layer}/self_attn/v_proj/Gemm`, 'Gemm', 2, 'bias'],
    ['model.layers.3.mlp.up_proj.weight', 'anything', 'MatMul', 1, 'mlp.up'],
    ['model.layers.3.mlp.up_proj.weight_quantized', 'anything', 'MatMul', 1, 'mlp.up'],
    ['model.layers.3.attn.k_proj.MatMul.weight_Q4G32', `${layer}/attn/k_proj/MatMul_Q4`, 'MatMul', 1, 'attention.k'],
    [`${layer}/mlp/gate_proj/Transpose_output_0`, `${layer}/mlp/gate_proj/MatMul`, 'MatMul', 1, 'mlp.gate'],
  ];
  test.each(cases)('%s at %s', async (name, node, op, input, role) => {
    const inputs = ['x', 'x', 'x'].map((other, at) => (at === input ? name : other));
    const { tensors } = await open({ nodes: [{ op, name: node, inputs, outputs: ['y'] }], tensors: [weight(name)] });
    expect(tensors[0]).toMatchObject({ name, role, layer: 3, stack: 'model.layers' });
  });

  test('nodes that only change the form are seen through', async () => {
    const { tensors } = await open({
      nodes: [
        { op: 'Transpose', name: 'a', inputs: ['val_1'], outputs: ['b'] },
        { op: 'Cast', name: 'c', inputs: ['b'], outputs: ['d'] },
        { op: 'MatMul', name: `${layer}/self_attn/o_proj/MatMul`, inputs: ['x', 'd'], outputs: ['y'] },
      ],
      tensors: [weight('val_1')],
    });
    expect(tensors[0]).toMatchObject({ role: 'attention.output', layer: 3 });
  });
});

describe('metadata', () => {
  test('says what the file says of itself', async () => {
    const props = bytes(14, [bytes(1, '__proto__'), bytes(2, 'kept')]);
    const long = bytes(14, [bytes(1, 'long'), bytes(2, `${'ä'.repeat(40_000)}`)]);
    const nodes = [{ op: 'Add' }, { op: 'Add' }, { op: 'Gelu', domain: 'com.microsoft' }];
    const { metadata } = await open({ nodes }, [props, long]);
    expect({ ...metadata, 'metadata_props.long': '' }).toEqual({
      ir_version: 10,
      producer_name: 'quantscope tests',
      opset_import: ['ai.onnx 21'],
      graph: 'graph',
      nodes: 3,
      operators: ['Add × 2', 'com.microsoft.Gelu × 1'],
      'metadata_props.__proto__': 'kept',
      'metadata_props.long': '',
    });
    expect(metadata['metadata_props.long']).toMatch(/^ä{32767}…$/);
  });

  test('sparse initializers and training are told', async () => {
    const { warnings } = await open({ fields: [bytes(15, bytes(1, ''))] }, [bytes(20, '')]);
    expect(warnings).toEqual([expect.stringContaining('training'), expect.stringContaining('1 sparse')]);
  });

  test('attributes before the operator mean the same', async () => {
    const value = bytes(5, [bytes(1, 'value_int'), integer(3, 9)]);
    const node = concatenate([value, bytes(2, 'early'), bytes(4, 'Constant')]);
    const checkpoint = await open({ fields: [bytes(1, node)] });
    expect(valuesOf(checkpoint, 'early')).toEqual([9]);
  });
});

describe('data beside the model', () => {
  const outside = (name: string, entries: Readonly<Record<string, string>>, shape = [4]) => {
    return { name, type: ONNX.FLOAT, shape, fields: externalData(entries) };
  };

  test('offset and length, shared ranges, a folder below', async () => {
    const own = join(folder, 'outside');
    mkdirSync(join(own, 'weights'), { recursive: true });
    writeFileSync(
      join(own, 'weights', 'all.bin'),
      Float32Array.from({ length: 12 }, (_, at) => at),
    );
    writeOnnx(join(own, 'model.onnx'), {
      tensors: [
        outside('whole', { location: 'weights/all.bin' }, [12]),
        outside('part', { location: 'weights/all.bin', offset: '16', length: '16' }),
        outside('again', { location: './weights/all.bin', offset: '16' }),
      ],
    });
    const checkpoint = await openCheckpoint(join(own, 'model.onnx'));
    expect(checkpoint.files.map((file) => file.sizeBytes).slice(1)).toEqual([48, 48]);
    expect(valuesOf(checkpoint, 'part')).toEqual([4, 5, 6, 7]);
    expect(valuesOf(checkpoint, 'again')).toEqual([4, 5, 6, 7]);
    // The folder is the model.
    expect((await openCheckpoint(own)).tensors).toHaveLength(3);
  });

  test.skipIf(process.platform === 'win32')('a download cache of links into one folder of blobs opens', async () => {
    const own = join(folder, 'cache');
    mkdirSync(join(own, 'blobs'), { recursive: true });
    mkdirSync(join(own, 'snapshots', 'main'), { recursive: true });
    writeFileSync(join(own, 'blobs', 'b2'), new Float32Array(4));
    writeOnnx(join(own, 'blobs', 'a1'), { tensors: [outside('w', { location: 'model.onnx_data' })] });
    symlinkSync('../../blobs/a1', join(own, 'snapshots', 'main', 'model.onnx'));
    symlinkSync('../../blobs/b2', join(own, 'snapshots', 'main', 'model.onnx_data'));
    expect((await openCheckpoint(join(own, 'snapshots', 'main', 'model.onnx'))).tensors).toHaveLength(1);
  });
});

describe('size', () => {
  test('10 GB inside one file are listed from a few pages', async () => {
    const path = join(folder, 'huge.onnx');
    const parts: { at: number; head: Uint8Array }[] = [];
    const tensorBytes = 1 << 30;
    const tensors = 10;
    const heads = Array.from({ length: tensors }, (_, index) => {
      const dims = [
        integer(1, 1 << 14),
        integer(1, 1 << 14),
        integer(2, ONNX.FLOAT),
        bytes(8, `layers.${index}.weight`),
      ];
      const inner = concatenate([...dims, varint(9 * 8 + 2), varint(tensorBytes)]);
      return concatenate([varint(5 * 8 + 2), varint(inner.length + tensorBytes), inner]);
    });
    const graphBytes = heads.reduce((total, head) => total + head.length + tensorBytes, 0);
    let at = 0;
    for (const head of [concatenate([integer(1, 8), varint(7 * 8 + 2), varint(graphBytes)]), ...heads]) {
      parts.push({ at, head });
      at += head.length + (parts.length > 1 ? tensorBytes : 0);
    }
    writeFileSync(path, '');
    truncateSync(path, at);
    const file = openSync(path, 'r+');
    for (const part of parts) writeSync(file, part.head, 0, part.head.length, part.at);
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.tensors).toHaveLength(tensors);
    expect(checkpoint.tensors.at(-1)).toMatchObject({ bytes: tensorBytes, offset: at - tensorBytes, layer: 9 });
    expect(checkpoint.bytesRead).toBeLessThan(64 * 1024);
  });

  test('reads are pages, not fields', async () => {
    const tensors = Array.from({ length: 20_000 }, (_, at) => ({
      name: `layers.${at}.weight`,
      type: ONNX.FLOAT,
      shape: [1],
      raw: new Float32Array(1),
    }));
    const path = join(folder, 'many.onnx');
    const file = onnxBytes({ tensors });
    writeFileSync(path, file);
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.tensors).toHaveLength(20_000);
    expect(checkpoint.bytesRead).toBeLessThan(file.length * 1.01 + 4096);
  });
});

describe('real models', () => {
  const cases: readonly (readonly [string, tensors: number, parameters: number])[] = [
    ['abuse/gguf-weight-inspect/tests/fixtures/mnist.onnx', 8, 5_994],
    ['models/onnx-external-data/rten-onnx/test-data/mnist-external/mnist.onnx', 10, 26_450],
    ['models/magika-onnx/assets/models/standard_v3_3/model.onnx', 36, 784_223],
    ['models/silero-vad/src/silero_vad/data/silero_vad.onnx', 341, 545_286],
  ];
  test.for(cases)('%s', async ([relative, tensors, parameters], { skip }) => {
    const path = sharedData(relative);
    if (path === null) return skip('the data is not on this machine');
    const checkpoint = await openCheckpoint(path);
    expect(checkpoint.format).toBe('onnx');
    expect(checkpoint.tensors).toHaveLength(tensors);
    const floats = checkpoint.tensors.filter((tensor) => tensor.dtype === 'F32');
    expect(floats.reduce((total, tensor) => total + tensor.elements, 0)).toBe(parameters);
    expect(checkpoint.bytesRead).toBeLessThan(checkpoint.files.reduce((total, file) => total + file.sizeBytes, 0));
  });

  test('a model without the extension is recognised by its content', async () => {
    const path = join(folder, 'model.bin');
    writeOnnx(path, { nodes: [{ op: 'Add' }], tensors: [weight('w')] });
    expect((await openCheckpoint(path)).format).toBe('onnx');
    expect(nodeProto({ op: 'Add' }).length).toBeGreaterThan(0);
  });
});

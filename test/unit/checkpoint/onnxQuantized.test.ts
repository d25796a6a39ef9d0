// Quantized ONNX weights: codes, scales and zero points become one tensor, with the shape the operator sees.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Checkpoint, TensorInfo } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { tensorSource } from '../../../core/checkpoint/tensorSource.ts';
import { readElements } from '../../../core/decode/elements.ts';
import { loadKernels } from '../../../core/kernels/wasm.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import {
  bytes,
  ONNX,
  type OnnxFixtureNode,
  type OnnxFixtureTensor,
  varint,
  writeOnnx,
} from '../../fixtures/writeOnnx.ts';

const folder = temporaryFolder();
const kernels = await loadKernels();
let written = 0;

async function open(nodes: readonly OnnxFixtureNode[], tensors: readonly OnnxFixtureTensor[]): Promise<Checkpoint> {
  const path = join(folder, `${written++}.onnx`);
  writeOnnx(path, { nodes, tensors });
  return openCheckpoint(path);
}

function valuesOf(checkpoint: Checkpoint, index = 0): number[] {
  const elements = checkpoint.tensors[index]?.elements ?? 0;
  return kernels.arena.scoped(() => {
    return [...kernels.arena.f32(readElements(kernels, tensorSource(checkpoint, index), 0, elements), elements)];
  });
}

const facts = ({ name, dtype, shape, bytes: size, storage }: TensorInfo) => {
  return [name, dtype, [...shape], size, storage?.kind === 'packed' ? storage.scheme : storage?.kind];
};
const scales = (name: string, values: readonly number[], shape: readonly number[] = [values.length]) => {
  return { name, type: ONNX.FLOAT, shape, raw: Float32Array.from(values) };
};
const codes = (type: number, shape: readonly number[], values: readonly number[], name = 'w') => {
  return { name, type, shape, raw: Uint8Array.from(values) };
};

describe('MatMulNBits', () => {
  // K = 20 in blocks of 16: the second block of each of the 2 rows is filled up.
  const packed = codes(
    ONNX.UINT8,
    [2, 2, 8],
    Array.from({ length: 32 }, (_, at) => (at % 16) | ((at % 7) << 4)),
  );
  const node = (inputs: readonly string[], attributes = {}) => ({
    op: 'MatMulNBits',
    domain: 'com.microsoft',
    name: '/model/layers.1/mlp/up_proj/MatMul_Q4',
    inputs: ['x', 'w', ...inputs],
    outputs: ['y'],
    attributes: { K: 20, N: 2, bits: 4, block_size: 16, ...attributes },
  });
  const scale = scales('w_scales', [1, 10, 100, 1000]);
  const code = (row: number, column: number): number => {
    const at = row * 16 + Math.floor(column / 2);
    return column % 2 === 0 ? at % 16 : at % 7;
  };
  const expected = (
    scaleAt: (row: number, column: number) => number,
    zeroAt: (row: number, column: number) => number,
  ) =>
    [0, 1].flatMap((row) =>
      Array.from({ length: 20 }, (_, column) => (code(row, column) - zeroAt(row, column)) * scaleAt(row, column)),
    );
  const scaleAt = (row: number, column: number): number => 10 ** (row * 2 + Math.floor(column / 16));

  test('has [N, K] elements; the middle code is zero', async () => {
    const checkpoint = await open([node(['w_scales'])], [packed, scale]);
    expect(checkpoint.tensors.map(facts)).toEqual([
      ['w', 'INT4', [2, 20], 48, 'MatMulNBits, 4 bit, blocks of 16, symmetric'],
    ]);
    expect(checkpoint.tensors[0]).toMatchObject({ role: 'mlp.up', layer: 1 });
    expect(valuesOf(checkpoint)).toEqual(expected(scaleAt, () => 8));
  });

  test('packed and float zero points', async () => {
    const zeros = codes(ONNX.UINT8, [2, 1], [0x21, 0x43], 'w_zp');
    const zeroAt = (row: number, column: number): number => 1 + row * 2 + Math.floor(column / 16);
    const one = await open([node(['w_scales', 'w_zp'])], [packed, scale, zeros]);
    expect(one.tensors.map(facts)).toEqual([
      ['w', 'INT4', [2, 20], 50, 'MatMulNBits, 4 bit, blocks of 16, asymmetric'],
    ]);
    expect(valuesOf(one)).toEqual(expected(scaleAt, zeroAt));
    const floats = scales('w_zp', [1, 2, 3, 4], [2, 2]);
    expect(valuesOf(await open([node(['w_scales', 'w_zp'])], [packed, scale, floats]))).toEqual(
      expected(scaleAt, zeroAt),
    );
  });

  test('columns in activation order', async () => {
    const listed = {
      name: 'g',
      type: ONNX.INT32,
      shape: [20],
      raw: Int32Array.from({ length: 20 }, (_, at) => at % 2),
    };
    const checkpoint = await open([node(['w_scales', '', 'g'])], [packed, scale, listed]);
    expect(checkpoint.tensors.map(facts)).toEqual([
      ['w', 'INT4', [2, 20], 128, 'MatMulNBits, 4 bit, blocks of 16, symmetric, act-order'],
    ]);
    const byParity = (row: number, column: number): number => 10 ** (row * 2 + (column % 2));
    expect(valuesOf(checkpoint)).toEqual(expected(byParity, () => 8));
  });

  test('a layout made for one machine is told, and stays bytes', async () => {
    const checkpoint = await open([node(['w_scales'], { weight_prepacked: 1 })], [packed, scale]);
    expect(checkpoint.tensors.map(({ dtype }) => dtype)).toEqual(['U8', 'F32']);
    expect(checkpoint.warnings).toEqual([expect.stringContaining('one kind of machine')]);
  });
});

describe('DequantizeLinear', () => {
  const node = (attributes: Readonly<Record<string, number>> = {}, inputs = ['w', 's', 'z']) => {
    return { op: 'DequantizeLinear', inputs, outputs: ['y'], attributes };
  };

  test('one scale for all', async () => {
    const checkpoint = await open(
      [node({}, ['w', 's'])],
      [codes(ONNX.INT8, [2, 2], [1, 2, 255, 128]), scales('s', [0.5], [])],
    );
    expect(checkpoint.tensors.map(facts)).toEqual([
      ['w', 'INT8', [2, 2], 8, 'DequantizeLinear, 8 bit, per tensor, symmetric'],
    ]);
    expect(valuesOf(checkpoint)).toEqual([0.5, 1, -0.5, -64]);
  });

  test('a scale per index of a middle axis, zero points as varints', async () => {
    const zeros = { name: 'z', type: ONNX.UINT8, shape: [2], fields: [bytes(5, [varint(1), varint(200)])] };
    const weight = codes(ONNX.UINT8, [2, 2, 2], [1, 2, 200, 201, 3, 4, 202, 203]);
    const checkpoint = await open([node({ axis: 1 })], [weight, scales('s', [1, 10]), zeros]);
    expect(checkpoint.tensors.map(facts)).toEqual([
      ['w', 'INT8', [2, 2, 2], 8 + 8 + 3, 'DequantizeLinear, 8 bit, per channel, with zero points'],
    ]);
    expect(valuesOf(checkpoint)).toEqual([0, 1, 0, 10, 2, 3, 20, 30]);
  });

  test('zero points that are all zero are none', async () => {
    const zeros = { name: 'z', type: ONNX.INT8, shape: [2], fields: [bytes(5, [varint(0), varint(0)])] };
    const checkpoint = await open([node({ axis: 0 })], [codes(ONNX.INT8, [2, 1], [3, 4]), scales('s', [1, 2]), zeros]);
    expect(checkpoint.tensors.map(facts)[0]?.[4]).toBe('DequantizeLinear, 8 bit, per channel, symmetric');
    expect(valuesOf(checkpoint)).toEqual([3, 8]);
  });

  test('blocks along the first axis, the last one cut short', async () => {
    const weight = codes(ONNX.UINT4, [3, 2], [0x21, 0x43, 0x65]);
    const checkpoint = await open(
      [node({ axis: 0, block_size: 2 }, ['w', 's'])],
      [weight, scales('s', [1, 10, 100, 1000], [2, 2])],
    );
    expect(checkpoint.tensors.map(facts)).toEqual([
      ['w', 'INT4', [3, 2], 3 + 16, 'DequantizeLinear, 4 bit, blocks of 2, symmetric'],
    ]);
    expect(valuesOf(checkpoint)).toEqual([1, 20, 3, 40, 500, 6000]);
  });

  test('NVFP4: FP8 scales under a scale of their own', async () => {
    const tensors = [
      codes(ONNX.FLOAT4E2M1, [1, 4], [0x21, 0x72]),
      codes(ONNX.FLOAT8E4M3FN, [1, 2], [0x38, 0x40], 's8'),
      scales('s32', [0.5], []),
    ];
    const nodes = [
      { op: 'DequantizeLinear', inputs: ['s8', 's32'], outputs: ['s'] },
      node({ axis: -1, block_size: 2 }, ['w', 's']),
    ];
    const checkpoint = await open(nodes, tensors);
    expect(checkpoint.tensors.map(facts)).toEqual([
      ['w', 'FP4', [1, 4], 2 + 2 + 4, 'DequantizeLinear, FLOAT4E2M1, blocks of 2'],
    ]);
    expect(valuesOf(checkpoint)).toEqual([0.25, 0.5, 1, 6]);
  });

  test('integers of 32 bits and codes no description covers stay what they are', async () => {
    const bias = { name: 'w', type: ONNX.INT32, shape: [2], raw: Int32Array.of(5, 6) };
    const plain = await open([node({ axis: 0 }, ['w', 's'])], [bias, scales('s', [1, 2])]);
    expect(plain.tensors.map(({ name, dtype }) => [name, dtype])).toEqual([
      ['w', 'I32'],
      ['s', 'F32'],
    ]);
    // Rows of three nibbles, a scale per column.
    const odd = codes(ONNX.UINT4, [2, 3], [0x21, 0x43, 0x65]);
    const bare = await open([node({ axis: 1 }, ['w', 's'])], [odd, scales('s', [1, 2, 3])]);
    expect(bare.tensors.map(({ name, dtype }) => [name, dtype])).toEqual([
      ['w', 'INT4'],
      ['s', 'F32'],
    ]);
    expect(valuesOf(bare)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(bare.warnings).toEqual([
      expect.stringContaining('listed as bare codes, "w" first: rows begin inside bytes'),
    ]);
  });

  test('rows of blocks that end inside bytes', async () => {
    const weight = codes(ONNX.UINT4, [2, 6], [0x21, 0x43, 0x65, 0x21, 0x43, 0x65]);
    const zeros = codes(ONNX.UINT4, [2, 3], [0x21, 0x13, 0x32], 'z');
    const tensors = [weight, scales('s', [1, 2, 3, 4, 5, 6], [2, 3]), zeros];
    const checkpoint = await open([node({ axis: 1, block_size: 2 })], tensors);
    expect(valuesOf(checkpoint)).toEqual([0, 1, 2, 4, 6, 9, 0, 4, 5, 10, 12, 18]);
  });
});

describe('integer operators', () => {
  const weight = codes(ONNX.INT8, [2, 2], [1, 2, 3, 4], 'onnx::MatMul_5_quantized');
  const scale = scales('onnx::MatMul_5_scale', [1, 10]);
  const product = (name: string) => ({
    op: 'MatMulInteger',
    name: `/model/layers.2/mlp/${name}/MatMul_quant`,
    inputs: ['x', 'onnx::MatMul_5_quantized', 'x_zero'],
    outputs: ['i'],
  });

  test('the scale is found behind the product', async () => {
    const other = { ...scale, name: 'elsewhere' };
    const nodes = [
      product('down_proj'),
      { op: 'Cast', inputs: ['i'], outputs: ['f'] },
      { op: 'Mul', inputs: ['x_scale', 'elsewhere'], outputs: ['both'] },
      { op: 'Mul', inputs: ['f', 'both'], outputs: ['y'] },
    ];
    const checkpoint = await open(nodes, [weight, other]);
    expect(checkpoint.tensors.map(facts)).toEqual([
      ['onnx::MatMul_5_quantized', 'INT8', [2, 2], 12, 'MatMulInteger, 8 bit, per channel, symmetric'],
    ]);
    expect(checkpoint.tensors[0]).toMatchObject({ role: 'mlp.down', layer: 2 });
    expect(valuesOf(checkpoint)).toEqual([1, 20, 3, 40]);
  });

  test('a factor of another size is something else', async () => {
    const nodes = [
      product('down_proj'),
      { op: 'Cast', inputs: ['i'], outputs: ['f'] },
      { op: 'Mul', inputs: ['f', 'gate'], outputs: ['y'] },
    ];
    const checkpoint = await open(nodes, [weight, scales('gate', [1, 2, 3])]);
    expect(checkpoint.tensors.map(({ dtype }) => dtype)).toEqual(['I8', 'F32']);
  });

  test('or by its name', async () => {
    const checkpoint = await open([product('down_proj')], [weight, scale]);
    expect(valuesOf(checkpoint)).toEqual([1, 20, 3, 40]);
  });

  test.each([
    ['QLinearMatMul', ['a', 'as', 'az', 'w', 's', 'z', 'ys', 'yz'], [1, 20, 3, 40]],
    ['QLinearConv', ['a', 'as', 'az', 'w', 's', 'z', 'ys', 'yz'], [1, 2, 30, 40]],
    ['DynamicQuantizeMatMul', ['a', 'w', 's'], [1, 20, 3, 40]],
    ['MatMulIntegerToFloat', ['a', 'w', 'as', 's'], [1, 20, 3, 40]],
  ])('%s', async (op, inputs, values) => {
    const zero = { name: 'z', type: ONNX.INT8, shape: [], raw: Int8Array.of(0) };
    const checkpoint = await open(
      [{ op, inputs, outputs: ['y'] }],
      [codes(ONNX.INT8, [2, 2], [1, 2, 3, 4]), scales('s', [1, 10]), ...(inputs.includes('z') ? [zero] : [])],
    );
    expect(checkpoint.tensors.map(({ name }) => name)).toEqual(['w']);
    expect(valuesOf(checkpoint)).toEqual(values);
  });

  test('an embedding is picked from before it is scaled', async () => {
    const nodes = [
      { op: 'Gather', name: '/model/embed_tokens/Gather_quant', inputs: ['w', 'ids'], outputs: ['rows'] },
      { op: 'DequantizeLinear', inputs: ['rows', 's'], outputs: ['y'] },
    ];
    const checkpoint = await open(nodes, [codes(ONNX.INT8, [2, 2], [1, 2, 3, 4]), scales('s', [0.5], [])]);
    expect(checkpoint.tensors.map(facts)).toEqual([
      ['w', 'INT8', [2, 2], 8, 'DequantizeLinear, 8 bit, per tensor, symmetric'],
    ]);
    expect(valuesOf(checkpoint)).toEqual([0.5, 1, 1.5, 2]);
  });
});

test('GatherBlockQuantized: two elements a byte in the last dimension', async () => {
  const node = {
    op: 'GatherBlockQuantized',
    domain: 'com.microsoft',
    name: '/model/embed_tokens/Gather',
    inputs: ['w', 'ids', 's'],
    outputs: ['y'],
    attributes: { bits: 4, block_size: 2, gather_axis: 0, quantize_axis: 1 },
  };
  const weight = codes(ONNX.UINT8, [2, 2], [0x98, 0xba, 0x10, 0x32]);
  const checkpoint = await open([node], [weight, scales('s', [1, 10, 100, 1000], [2, 2])]);
  expect(checkpoint.tensors.map(facts)).toEqual([
    ['w', 'INT4', [2, 4], 4 + 16, 'GatherBlockQuantized, 4 bit, blocks of 2, symmetric'],
  ]);
  expect(checkpoint.tensors[0]?.role).toBe('embedding');
  expect(valuesOf(checkpoint)).toEqual([0, 1, 20, 30, -800, -700, -6000, -5000]);
});

test('MatMulBnb4: two elements a byte, the first in the high bits', async () => {
  const node = {
    op: 'MatMulBnb4',
    inputs: ['x', 'w', 's'],
    attributes: { K: 3, N: 2, block_size: 4, quant_type: 0 },
  };
  const checkpoint = await open([node], [codes(ONNX.UINT8, [3], [0x35, 0x4b, 0x0d]), scales('s', [1, 10])]);
  expect(checkpoint.tensors.map(facts)).toEqual([['w', 'FP4', [2, 3], 3 + 8, 'MatMulBnb4, FP4, blocks of 4']]);
  const third = Math.fround(1 / 3);
  // 3, 5, 4, 11 in the first block, 0 and 13 in the second, cut short.
  expect(valuesOf(checkpoint).map((value) => Math.fround(value))).toEqual([1, 0.5, third, -1, 0, -5]);
});

test('DynamicQuantizeLSTM: a scale per direction and gate', async () => {
  const inputs = ['x', 'w', 'r', '', '', '', '', '', 'ws', 'wz', 'rs', 'rz'];
  const checkpoint = await open(
    [{ op: 'DynamicQuantizeLSTM', name: '/decoder/LSTM_quant', inputs, outputs: ['y'] }],
    [
      codes(ONNX.INT8, [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
      codes(ONNX.INT8, [2, 1, 2], [1, 2, 3, 4], 'r'),
      scales('ws', [1, 10, 100, 1000], [2, 2]),
      scales('rs', [1, 10]),
      { name: 'wz', type: ONNX.INT8, shape: [2, 2], raw: Int8Array.of(0, 1, 2, 3) },
      { name: 'rz', type: ONNX.INT8, shape: [2], raw: Int8Array.of(0, 0) },
    ],
  );
  expect(checkpoint.tensors.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
    ['w', 'INT8', [2, 2, 2]],
    ['r', 'INT8', [2, 1, 2]],
  ]);
  expect(valuesOf(checkpoint, 0)).toEqual([1, 10, 3, 30, 300, 3000, 500, 5000]);
  expect(valuesOf(checkpoint, 1)).toEqual([1, 2, 30, 40]);
});

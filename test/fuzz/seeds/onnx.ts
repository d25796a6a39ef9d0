// Valid ONNX models: every way to store a tensor, nodes that name their weights, external data, quantized layers.

import {
  bytes,
  externalData,
  graphProto,
  integer,
  ONNX,
  type OnnxFixtureGraph,
  type OnnxFixtureTensor,
  onnxBytes,
  tensorProto,
} from '../../fixtures/writeOnnx.ts';
import type { Bytes } from '../mutation.ts';
import type { Seed } from '../seeds.ts';

/** Fields of a TensorProto that hold numbers in place of raw_data, and AttributeProto's, in onnx.proto. */
const FIELD = { floats: 4, ints: 5, longs: 7, doubles: 10, tensor: 5, graph: 6, type: 20 };
const DOUBLE = 11;
const BFLOAT16 = 16;

export function onnxSeeds(): Seed[] {
  return [
    file({ nodes: [constant()], tensors: plain() }),
    file(quantized()),
    file({ tensors: [far(0, 64), far(64, 32)] }, { 'weights.bin': new Uint8Array(96).fill(7) }),
    file({ nodes: [{ op: 'If', inputs: ['c'], attributes: { then_branch: branch('a'), else_branch: branch('b') } }] }),
  ];
}

function plain(): OnnxFixtureTensor[] {
  return [
    raw('layers.0.attn.weight', ONNX.FLOAT, [4, 6], 96),
    raw('half', ONNX.FLOAT16, [8], 16),
    raw('brain', BFLOAT16, [2, 2], 8),
    raw('packed', ONNX.INT4, [3, 3], 5),
    raw('scalar', ONNX.INT64, [], 8),
    { name: 'floats', type: ONNX.FLOAT, shape: [3], fields: [bytes(FIELD.floats, Float32Array.of(1, 2, 3))] },
    { name: 'doubles', type: DOUBLE, shape: [1], fields: [bytes(FIELD.doubles, Float64Array.of(0.5))] },
    { name: 'longs', type: ONNX.INT64, shape: [4], fields: [bytes(FIELD.longs, Uint8Array.of(1, 0xac, 2, 0, 5))] },
    { name: 'bytes', type: ONNX.UINT8, shape: [3], fields: [bytes(FIELD.ints, Uint8Array.of(1, 127, 0))] },
  ];
}

function quantized(): OnnxFixtureGraph {
  const sizes = { K: 32, N: 4, bits: 4, block_size: 16 };
  return {
    nodes: [
      { op: 'MatMulNBits', domain: 'com.microsoft', inputs: ['x', 'w', 'w_scales'], attributes: sizes },
      { op: 'DequantizeLinear', inputs: ['d', 'd_scale', 'd_zero'], outputs: ['y'], attributes: { axis: 1 } },
    ],
    tensors: [
      raw('w', ONNX.UINT8, [4, 2, 8], 64),
      raw('w_scales', ONNX.FLOAT, [8], 32),
      raw('d', ONNX.INT8, [8, 4], 32),
      raw('d_scale', ONNX.FLOAT, [4], 16),
      raw('d_zero', ONNX.INT8, [4], 4),
    ],
  };
}

function constant(): NonNullable<OnnxFixtureGraph['nodes']>[number] {
  const value = bytes(FIELD.tensor, tensorProto(raw('', ONNX.FLOAT, [2, 2], 16)));
  const name = '/model/layers.0/mlp/Constant';
  return { op: 'Constant', name, outputs: ['c'], attributes: { value: attribute(value, 4) } };
}

function branch(name: string): Bytes {
  return attribute(bytes(FIELD.graph, graphProto({ tensors: [raw(`${name}.weight`, ONNX.FLOAT, [1], 4)] })), 5);
}

function attribute(content: Bytes, type: number): Bytes {
  return new Uint8Array(Buffer.concat([content, integer(FIELD.type, type)]));
}

function far(offset: number, length: number): OnnxFixtureTensor {
  const fields = externalData({ location: 'weights.bin', offset: String(offset), length: String(length) });
  return { name: `far.${offset}`, type: ONNX.FLOAT, shape: [length / 4], fields };
}

function raw(name: string, type: number, shape: readonly number[], length: number): OnnxFixtureTensor {
  return { name, type, shape, raw: new Uint8Array(length).fill(0x55) };
}

function file(graph: OnnxFixtureGraph, beside: Readonly<Record<string, Bytes>> = {}): Seed {
  return { files: { 'model.onnx': onnxBytes(graph), ...beside }, open: 'model.onnx' };
}

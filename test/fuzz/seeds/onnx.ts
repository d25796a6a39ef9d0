// Valid ONNX models: every way to store a tensor, nodes that name their weights, external data, quantized layers.

import type { Bytes } from '../mutation.ts';
import type { Seed } from '../seeds.ts';

type Part = Buffer | Uint8Array;

/** Field numbers of onnx.proto. */
const MODEL = { irVersion: 1, producer: 2, graph: 7, opset: 8, metadata: 14 };
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 };
const NODE = { input: 1, output: 2, name: 3, type: 4, attribute: 5, domain: 7 };
const ATTRIBUTE = { name: 1, int: 3, tensor: 5, graph: 6, type: 20 };
const TENSOR = {
  dims: 1,
  type: 2,
  floats: 4,
  ints: 5,
  longs: 7,
  name: 8,
  raw: 9,
  doubles: 10,
  external: 13,
  location: 14,
};
/** TensorProto.DataType. */
const TYPE = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, half: 10, double: 11, bfloat: 16, int4: 22 };

export function onnxSeeds(): Seed[] {
  return [
    file({ 'model.onnx': model([...plain(), layer()]) }),
    file({ 'model.onnx': model(quantized()) }),
    file({ 'model.onnx': model([external(0, 64), external(64, 32)]), 'weights.bin': new Uint8Array(96).fill(7) }),
    file({ 'model.onnx': model([node('If', ['c'], ['y'], [subgraph('then_branch'), subgraph('else_branch')])]) }),
  ];
}

function plain(): Buffer[] {
  const raw = (name: string, type: number, dims: number[], bytes: number): Buffer =>
    initializer(name, type, dims, bytesOf(TENSOR.raw, new Uint8Array(bytes).fill(60)));
  return [
    raw('layers.0.attn.weight', TYPE.float, [4, 6], 96),
    raw('half', TYPE.half, [8], 16),
    raw('brain', TYPE.bfloat, [2, 2], 8),
    raw('packed', TYPE.int4, [3, 3], 5),
    raw('scalar', TYPE.int64, [], 8),
    initializer('floats', TYPE.float, [3], bytesOf(TENSOR.floats, Buffer.from(Float32Array.of(1, 2, 3).buffer))),
    initializer('doubles', TYPE.double, [1], bytesOf(TENSOR.doubles, Buffer.from(Float64Array.of(0.5).buffer))),
    initializer('longs', TYPE.int64, [4], bytesOf(TENSOR.longs, Buffer.from([1, 0xac, 2, 0, 5]))),
    initializer('bytes', TYPE.uint8, [3], bytesOf(TENSOR.ints, Buffer.from([1, 127, 0]))),
  ];
}

function layer(): Buffer {
  const weight = tensor('', TYPE.float, [2, 2], bytesOf(TENSOR.raw, new Uint8Array(16)));
  const value = concatenated(
    bytesOf(ATTRIBUTE.name, latin1('value')),
    bytesOf(ATTRIBUTE.tensor, weight),
    number(ATTRIBUTE.type, 4),
  );
  return node('Constant', [], ['constant'], [value], '/model/layers.0/mlp/Constant');
}

function quantized(): Buffer[] {
  const int = (name: string, value: number): Buffer =>
    concatenated(bytesOf(ATTRIBUTE.name, latin1(name)), number(ATTRIBUTE.int, value), number(ATTRIBUTE.type, 2));
  const raw = (bytes: number): Buffer => bytesOf(TENSOR.raw, new Uint8Array(bytes).fill(0x55));
  const sizes = [int('K', 32), int('N', 4), int('bits', 4), int('block_size', 16)];
  return [
    initializer('w_q4', TYPE.uint8, [4, 2, 8], raw(64)),
    initializer('w_scales', TYPE.float, [8], raw(32)),
    node('MatMulNBits', ['x', 'w_q4', 'w_scales'], ['y'], sizes, '/layers.0/MatMul', 'com.microsoft'),
    initializer('d_q8', TYPE.int8, [8, 4], raw(32)),
    initializer('d_scale', TYPE.float, [4], raw(16)),
    initializer('d_zero', TYPE.int8, [4], raw(4)),
    node('DequantizeLinear', ['d_q8', 'd_scale', 'd_zero'], ['d'], [int('axis', 1)], '/layers.1/DequantizeLinear'),
  ];
}

function external(offset: number, length: number): Buffer {
  const entry = (key: string, value: string): Buffer =>
    bytesOf(TENSOR.external, concatenated(bytesOf(1, latin1(key)), bytesOf(2, latin1(value))));
  const where = [entry('location', 'weights.bin'), entry('offset', String(offset)), entry('length', String(length))];
  return initializer(`far.${offset}`, TYPE.float, [length / 4], ...where, number(TENSOR.location, 1));
}

function subgraph(name: string): Buffer {
  const graph = concatenated(initializer(`${name}.w`, TYPE.float, [1], bytesOf(TENSOR.raw, new Uint8Array(4))));
  return concatenated(
    bytesOf(ATTRIBUTE.name, latin1(name)),
    bytesOf(ATTRIBUTE.graph, graph),
    number(ATTRIBUTE.type, 5),
  );
}

function model(parts: readonly Buffer[]): Bytes {
  const graph = concatenated(...parts, bytesOf(GRAPH.name, latin1('main')));
  const opset = concatenated(number(2, 21));
  const producer = bytesOf(MODEL.producer, latin1('pytorch'));
  return new Uint8Array(
    concatenated(number(MODEL.irVersion, 10), producer, bytesOf(MODEL.graph, graph), bytesOf(MODEL.opset, opset)),
  );
}

function node(type: string, inputs: string[], outputs: string[], attributes: Buffer[], name = '', domain = ''): Buffer {
  const parts = [
    ...inputs.map((input) => bytesOf(NODE.input, latin1(input))),
    ...outputs.map((output) => bytesOf(NODE.output, latin1(output))),
    bytesOf(NODE.name, latin1(name)),
    bytesOf(NODE.type, latin1(type)),
    ...attributes.map((attribute) => bytesOf(NODE.attribute, attribute)),
    bytesOf(NODE.domain, latin1(domain)),
  ];
  return bytesOf(GRAPH.node, concatenated(...parts));
}

function initializer(name: string, type: number, dims: readonly number[], ...content: Buffer[]): Buffer {
  return bytesOf(GRAPH.initializer, tensor(name, type, dims, ...content));
}

function tensor(name: string, type: number, dims: readonly number[], ...content: Buffer[]): Buffer {
  const sizes = dims.map((size) => number(TENSOR.dims, size));
  return concatenated(...sizes, number(TENSOR.type, type), bytesOf(TENSOR.name, latin1(name)), ...content);
}

function file(files: Readonly<Record<string, Bytes>>): Seed {
  return { files, open: 'model.onnx' };
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const concatenated = (...parts: Part[]): Buffer => Buffer.concat(parts);
const number = (field: number, value: number): Buffer => Buffer.concat([varint(field * 8), varint(value)]);
const bytesOf = (field: number, content: Part): Buffer =>
  Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

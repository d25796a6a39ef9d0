// One ONNX model per way to be wrong.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../core/base/errors.ts';
import {
  bytes,
  externalData,
  graphProto,
  integer,
  nodeProto,
  ONNX,
  type OnnxFixtureGraph,
  type OnnxFixtureTensor,
  onnxBytes,
  varint,
  writeOnnx,
} from '../fixtures/writeOnnx.ts';
import { concatenate } from '../fixtures/writeSafetensors.ts';
import { type Attack, fileAttack } from './attack.ts';

const FILE = 'model.onnx';
const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 16\n`;
const f32 = (name: string, shape: readonly (number | bigint)[] = [2, 2], values = 4): OnnxFixtureTensor => {
  return { name, type: ONNX.FLOAT, shape, raw: new Float32Array(values) };
};

function raw(name: string, code: ErrorCode, build: () => Uint8Array): Attack {
  return fileAttack(`onnx-${name}`, code, FILE, build);
}

function graph(name: string, code: ErrorCode, content: OnnxFixtureGraph): Attack {
  return raw(name, code, () => onnxBytes(content));
}

function tensor(name: string, code: ErrorCode, content: Partial<OnnxFixtureTensor>): Attack {
  return graph(`tensor-${name}`, code, { tensors: [{ name: 'w', type: ONNX.FLOAT, shape: [2, 2], ...content }] });
}

/** A model whose graph is the given bytes, which need not be whole fields. */
function inside(name: string, code: ErrorCode, content: ArrayBufferView): Attack {
  return raw(name, code, () => concatenate([integer(1, 8), bytes(7, [content])]));
}

const MESSAGES: readonly Attack[] = [
  raw('lfs-pointer', 'LFS_POINTER', () => new TextEncoder().encode(POINTER)),
  raw('no-graph', 'HEADER_INVALID', () => concatenate([integer(1, 8), bytes(2, 'nobody')])),
  raw('two-graphs', 'HEADER_INVALID', () => onnxBytes({}, [bytes(7, '')])),
  raw('graph-is-a-number', 'HEADER_INVALID', () => concatenate([integer(1, 8), integer(7, 1)])),
  raw('cut', 'HEADER_TRUNCATED', () => onnxBytes({ tensors: [f32('w')] }).subarray(0, -30)),
  raw('endless-number', 'HEADER_INVALID', () => new Uint8Array(64).fill(0xff)),
  inside('group', 'HEADER_INVALID', Uint8Array.of(0x0b, 0x0c)),
  inside('field-zero', 'HEADER_INVALID', Uint8Array.of(0x02, 0x00)),
  inside('length-beyond-2-63', 'HEADER_TRUNCATED', concatenate([varint(5 * 8 + 2), varint(-1)])),
  inside('length-beyond-message', 'HEADER_TRUNCATED', concatenate([varint(5 * 8 + 2), varint(1e9)])),
  inside('number-cut-at-end', 'HEADER_TRUNCATED', Uint8Array.of(0x08, 0xff)),
  inside('node-is-a-number', 'HEADER_INVALID', integer(1, 7)),
  inside('initializer-is-a-number', 'HEADER_INVALID', integer(5, 7)),
  graph('many-nested-graphs', 'NESTING_LIMIT', { fields: [nested(40)] }),
  raw('many-opsets', 'COUNT_LIMIT', () => {
    return onnxBytes({}, Array(5000).fill(bytes(8, integer(2, 21))));
  }),
];

function nested(depth: number): Uint8Array {
  let content: Uint8Array = new Uint8Array(0);
  for (let level = 0; level < depth; level++) {
    content = bytes(1, nodeProto({ op: 'If', attributes: { then_branch: bytes(6, content) } }));
  }
  return content;
}

const NAMES: readonly Attack[] = [
  graph('same-initializer', 'DUPLICATE_NAME', { tensors: [f32('w'), f32('w')] }),
  graph('constant-and-initializer', 'DUPLICATE_NAME', {
    nodes: [{ op: 'Constant', outputs: ['w'], attributes: { value_int: 1 } }],
    tensors: [f32('w')],
  }),
  graph('same-name-through-prefix', 'DUPLICATE_NAME', {
    nodes: [{ op: 'If', name: 'if', attributes: { then_branch: bytes(6, graphProto({ tensors: [f32('w')] })) } }],
    tensors: [f32('if.then_branch/w')],
  }),
  graph('no-name', 'NAME_INVALID', { tensors: [f32('')] }),
  graph('proto-name', 'NAME_INVALID', { tensors: [f32('__proto__')] }),
  graph('long-name', 'NAME_INVALID', { tensors: [f32('w'.repeat(2000))] }),
  graph('name-not-utf8', 'NAME_INVALID', {
    fields: [
      bytes(5, [integer(1, 1), integer(2, 1), bytes(8, Uint8Array.of(0xc3, 0x28)), bytes(9, new Uint8Array(4))]),
    ],
  }),
  graph('operator-not-utf8', 'NAME_INVALID', { fields: [bytes(1, bytes(4, Uint8Array.of(0xff)))] }),
  graph('constant-without-output', 'NAME_INVALID', { nodes: [{ op: 'Constant', attributes: { value_int: 1 } }] }),
];

const TENSORS: readonly Attack[] = [
  tensor('negative-dimension', 'SHAPE_INVALID', { shape: [-2, -2], raw: new Float32Array(4) }),
  tensor('overflow', 'SHAPE_INVALID', { shape: [2n ** 40n, 2n ** 40n], raw: new Float32Array(4) }),
  tensor('dimension-beyond-2-53', 'SHAPE_INVALID', { shape: [2n ** 60n], raw: new Float32Array(4) }),
  tensor('rank-65', 'SHAPE_INVALID', { shape: Array(65).fill(1), raw: new Float32Array(1) }),
  tensor('rank-million-packed', 'SHAPE_INVALID', { shape: [], fields: [bytes(1, new Uint8Array(1_000_000).fill(1))] }),
  tensor('unknown-type', 'DTYPE_UNKNOWN', { type: 99, raw: new Float32Array(4) }),
  tensor('undefined-type', 'DTYPE_UNKNOWN', { type: 0, raw: new Float32Array(4) }),
  tensor('negative-type', 'DTYPE_UNKNOWN', { type: -1, raw: new Float32Array(4) }),
  tensor('raw-too-short', 'SHAPE_INVALID', { raw: new Float32Array(3) }),
  tensor('raw-too-long', 'SHAPE_INVALID', { raw: new Float32Array(5) }),
  tensor('no-data', 'SHAPE_INVALID', {}),
  tensor('two-data', 'HEADER_INVALID', { fields: [bytes(9, new Float32Array(4))], raw: new Float32Array(4) }),
  tensor('data-of-other-type', 'SHAPE_INVALID', { fields: [bytes(7, Uint8Array.of(1, 2, 3, 4))] }),
  tensor('raw-is-a-number', 'HEADER_INVALID', { fields: [integer(9, 1)] }),
  tensor('segment', 'HEADER_INVALID', { fields: [bytes(3, integer(1, 0))], raw: new Float32Array(4) }),
  tensor('few-varints', 'SHAPE_INVALID', {
    type: ONNX.INT64,
    shape: [3],
    fields: [bytes(7, Uint8Array.of(1, 0x80, 1))],
  }),
  tensor('many-varints', 'SHAPE_INVALID', { type: ONNX.INT64, shape: [1], fields: [bytes(7, new Uint8Array(1000))] }),
  tensor('claimed-varints', 'SHAPE_INVALID', {
    type: ONNX.INT64,
    shape: [2 ** 50],
    fields: [bytes(7, new Uint8Array(8))],
  }),
  tensor('varint-leaves-field', 'HEADER_TRUNCATED', {
    type: ONNX.INT64,
    shape: [2],
    fields: [bytes(7, Uint8Array.of(1, 0xff))],
  }),
  tensor('floats-leave-field', 'HEADER_TRUNCATED', {
    shape: [2],
    fields: [bytes(4, Float32Array.of(1)), bytes(4, Uint8Array.of(1, 2, 3))],
  }),
];

/** @param prepare puts files beside the model */
function outside(
  name: string,
  code: ErrorCode,
  entries: Readonly<Record<string, string>>,
  prepare: (folder: string) => void = (folder) => writeFileSync(join(folder, 'data.bin'), new Float32Array(4)),
): Attack {
  return {
    name: `onnx-external-${name}`,
    code,
    write(folder) {
      prepare(folder);
      const path = join(folder, FILE);
      writeOnnx(path, { tensors: [{ name: 'w', type: ONNX.FLOAT, shape: [2, 2], fields: externalData(entries) }] });
      return path;
    },
  };
}

const EXTERNAL: readonly Attack[] = [
  ...[
    ['parent', '../data.bin'],
    ['parent-inside', 'weights/../../data.bin'],
    ['absolute', '/etc/passwd'],
    ['drive', 'C:/data.bin'],
    ['backslash', '..\\data.bin'],
    ['nul', 'data.bin\0.txt'],
    ['empty', ''],
    ['folder-itself', '.'],
  ].map(([name = '', location = '']) => outside(name, 'PATH_ESCAPE', { location })),
  ...(process.platform === 'win32'
    ? []
    : [
        outside('link-out', 'PATH_ESCAPE', { location: 'link.bin' }, (folder) => {
          symlinkSync('/etc/hostname', join(folder, 'link.bin'));
        }),
        outside('linked-folder', 'PATH_ESCAPE', { location: 'etc/hostname' }, (folder) => {
          symlinkSync('/etc', join(folder, 'etc'));
        }),
        outside('link-to-itself', 'FILE_UNREADABLE', { location: 'loop' }, (folder) => {
          symlinkSync('loop', join(folder, 'loop'));
        }),
      ]),
  outside('missing', 'SHARD_MISSING', { location: 'nowhere.bin' }),
  outside('below-a-file', 'SHARD_MISSING', { location: 'data.bin/deeper' }),
  outside('no-location', 'HEADER_INVALID', { offset: '0' }),
  outside('negative-offset', 'HEADER_INVALID', { location: 'data.bin', offset: '-16' }),
  outside('offset-in-words', 'HEADER_INVALID', { location: 'data.bin', offset: '0x10' }),
  outside('huge-offset', 'HEADER_INVALID', { location: 'data.bin', offset: '9'.repeat(40) }),
  outside('offset-beyond-end', 'TENSOR_OVERRUN', { location: 'data.bin', offset: '4' }),
  outside('wrong-length', 'SHAPE_INVALID', { location: 'data.bin', length: '12' }),
  outside('long-location', 'NAME_INVALID', { location: 'a/'.repeat(3000) }),
  outside('folder', 'FILE_UNREADABLE', { location: 'data' }, (folder) => mkdirSync(join(folder, 'data'))),
  outside('lfs-pointer', 'LFS_POINTER', { location: 'data.bin' }, (folder) => {
    writeFileSync(join(folder, 'data.bin'), POINTER);
  }),
  graph('external-thousands', 'COUNT_LIMIT', {
    tensors: Array.from({ length: 4200 }, (_, at) => {
      return { name: `w${at}`, type: ONNX.FLOAT, shape: [1], fields: externalData({ location: `${at}.bin` }) };
    }),
  }),
];

/** A MatMulNBits node with its tensors; K = 32, N = 2, two blocks of 16. */
function blocks(
  name: string,
  attributes: Readonly<Record<string, number>>,
  shapes: { codes?: number[]; scales?: number[]; zeros?: number[]; listed?: number[] } = {},
): Attack {
  const { codes = [2, 2, 8], scales = [2, 2], zeros, listed } = shapes;
  const count = (shape: readonly number[]): number => shape.reduce((total, size) => total * size, 1);
  const tensors: OnnxFixtureTensor[] = [
    { name: 'w', type: ONNX.UINT8, shape: codes, raw: new Uint8Array(count(codes)) },
    { name: 's', type: ONNX.FLOAT, shape: scales, raw: new Float32Array(count(scales)) },
  ];
  if (zeros !== undefined)
    tensors.push({ name: 'z', type: ONNX.UINT8, shape: zeros, raw: new Uint8Array(count(zeros)) });
  if (listed !== undefined)
    tensors.push({ name: 'g', type: ONNX.INT32, shape: listed, raw: new Int32Array(count(listed)) });
  const inputs = ['x', 'w', 's', zeros === undefined ? '' : 'z', listed === undefined ? '' : 'g'];
  const node = { op: 'MatMulNBits', inputs, attributes: { K: 32, N: 2, bits: 4, block_size: 16, ...attributes } };
  return graph(`blocks-${name}`, 'PACKING_INVALID', { nodes: [node], tensors });
}

function dequantize(
  name: string,
  attributes: Readonly<Record<string, number>>,
  scaleShape: readonly number[],
  zeroShape?: readonly number[],
): Attack {
  const count = (shape: readonly number[]): number => shape.reduce((total, size) => total * size, 1);
  const tensors: OnnxFixtureTensor[] = [
    { name: 'w', type: ONNX.INT8, shape: [4, 6], raw: new Int8Array(24) },
    { name: 's', type: ONNX.FLOAT, shape: scaleShape, raw: new Float32Array(count(scaleShape)) },
  ];
  if (zeroShape !== undefined)
    tensors.push({ name: 'z', type: ONNX.INT8, shape: zeroShape, raw: new Int8Array(count(zeroShape)) });
  const inputs = zeroShape === undefined ? ['w', 's'] : ['w', 's', 'z'];
  const nodes = [{ op: 'DequantizeLinear', inputs, outputs: ['y'], attributes }];
  return graph(`dequantize-${name}`, 'PACKING_INVALID', { nodes, tensors });
}

function bnb4(name: string, attributes: Readonly<Record<string, number>>): Attack {
  const tensors: OnnxFixtureTensor[] = [
    { name: 'w', type: ONNX.UINT8, shape: [32], raw: new Uint8Array(32) },
    { name: 's', type: ONNX.FLOAT, shape: [4], raw: new Float32Array(4) },
  ];
  const fitting = { K: 32, N: 2, block_size: 16, quant_type: 1 };
  const nodes = [{ op: 'MatMulBnb4', inputs: ['x', 'w', 's'], attributes: { ...fitting, ...attributes } }];
  return graph(`bnb4-${name}`, 'PACKING_INVALID', { nodes, tensors });
}

const PACKED: readonly Attack[] = [
  bnb4('other-rows', { N: 4 }),
  bnb4('other-blocks', { block_size: 32 }),
  bnb4('unknown-table', { quant_type: 2 }),
  bnb4('negative-block', { block_size: -16 }),
  blocks('bits-5', { bits: 5 }),
  blocks('bits-0', { bits: 0 }),
  blocks('no-columns', { K: 0 }),
  blocks('negative-rows', { N: -2 }),
  blocks('other-columns', { K: 64 }),
  blocks('huge', { N: 2 ** 52, K: 2 ** 52 }),
  blocks('block-0', { block_size: 0 }),
  blocks('codes-short', {}, { codes: [2, 2, 7] }),
  blocks('scales-short', {}, { scales: [2, 1] }),
  blocks('zeros-short', {}, { zeros: [1] }),
  blocks('groups-short', {}, { listed: [31] }),
  dequantize('scale-of-other-size', { axis: 0 }, [6]),
  dequantize('axis-beyond-rank', { axis: 2 }, [6]),
  dequantize('axis-far-below', { axis: -3 }, [6]),
  dequantize('blocks-miscounted', { axis: 0, block_size: 2 }, [3, 6]),
  dequantize('matrix-without-blocks', { axis: 0 }, [4, 6]),
  dequantize('zeros-of-other-size', { axis: 0 }, [4], [6]),
  dequantize('scale-empty', { axis: 0 }, [0]),
];

export const ONNX_ATTACKS: readonly Attack[] = [...MESSAGES, ...NAMES, ...TENSORS, ...EXTERNAL, ...PACKED];

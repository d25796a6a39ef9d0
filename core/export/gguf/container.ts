// Byte layout of a GGUF file (ggml `gguf.h`): header, key-values, tensor infos, padding, padded tensors.

import { QuantscopeError } from '../../base/errors.ts';
import { matrixShape } from '../../checkpoint/checkpoint.ts';
import { type DType, dtypeInfo, storedBytes } from '../../tensor/dtype.ts';
import type { GgufContents, GgufTensor } from './contents.ts';
import { concat, stringBytes } from './keyValues.ts';

const MAGIC = 0x46554747; // "GGUF"
const VERSION = 3;
const FIXED_HEADER_BYTES = 24; // magic, version, n_tensors, n_kv
const INFO_FIXED_BYTES = 8 + 4 + 4 + 8; // name length, n_dims, type, offset

export interface PlacedTensor {
  readonly tensor: GgufTensor;
  readonly type: DType;
  /** Absolute in the file. */
  readonly offset: number;
  /** Without padding. */
  readonly bytes: number;
}

export interface GgufLayout {
  readonly alignment: number;
  /** Where tensor data starts: the header with its padding. */
  readonly dataStart: number;
  readonly tensors: readonly PlacedTensor[];
  readonly totalBytes: number;
}

export function layOut(contents: GgufContents, typeOf: (tensor: GgufTensor) => DType): GgufLayout {
  const { alignment } = contents;
  const dataStart = dataOffset(contents);
  let offset = dataStart;
  const tensors = contents.tensors.map((tensor) => {
    const type = typeOf(tensor);
    const placed = { tensor, type, offset, bytes: tensorBytes(tensor, type) };
    offset += padded(placed.bytes, alignment);
    return placed;
  });
  return { alignment, dataStart, tensors, totalBytes: offset };
}

/** Padded length of everything before the tensor data. */
export function dataOffset({ alignment, keyValues, tensors }: GgufContents): number {
  const entries = keyValues.reduce((sum, entry) => sum + entry.bytes.length, 0);
  const infos = tensors.reduce(
    (sum, { name, shape }) => sum + INFO_FIXED_BYTES + Buffer.byteLength(name, 'utf8') + 8 * shape.length,
    0,
  );
  return padded(FIXED_HEADER_BYTES + entries + infos, alignment);
}

export function tensorBytes({ name, shape }: Pick<GgufTensor, 'name' | 'shape'>, type: DType): number {
  const { rows, columns } = matrixShape({ shape, elements: shape.reduce((product, n) => product * n, 1) });
  if (columns % dtypeInfo(type).blockElements !== 0)
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `${name}: ${type} stores ${dtypeInfo(type).blockElements} elements a block, a row has ${columns}`,
    );
  return rows * storedBytes(type, columns);
}

export function padded(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/** Everything before the tensor data, padding included; `layout.dataStart` bytes. */
export function headerBytes({ keyValues }: GgufContents, layout: GgufLayout): Uint8Array {
  const head = new Uint8Array(FIXED_HEADER_BYTES);
  const view = new DataView(head.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setBigUint64(8, BigInt(layout.tensors.length), true);
  view.setBigUint64(16, BigInt(keyValues.length), true);
  const infos = layout.tensors.map((placed) => infoBytes(placed, layout.dataStart));
  const out = new Uint8Array(layout.dataStart);
  out.set(concat([head, ...keyValues.map((entry) => entry.bytes), ...infos]));
  return out;
}

/** Name, n_dims, dimensions with the contiguous one first, type, offset into the data section. */
function infoBytes({ tensor, type, offset }: PlacedTensor, dataStart: number): Uint8Array {
  const id = dtypeInfo(type).ggml;
  if (id === undefined) throw new QuantscopeError('DTYPE_UNKNOWN', `${tensor.name}: GGUF has no type for ${type}`);
  const tail = new Uint8Array(4 + 8 * tensor.shape.length + 4 + 8);
  const view = new DataView(tail.buffer);
  view.setUint32(0, tensor.shape.length, true);
  let at = 4;
  for (const dimension of tensor.shape.toReversed()) {
    view.setBigUint64(at, BigInt(dimension), true);
    at += 8;
  }
  view.setUint32(at, id, true);
  view.setBigUint64(at + 4, BigInt(offset - dataStart), true);
  return concat([stringBytes(tensor.name), tail]);
}

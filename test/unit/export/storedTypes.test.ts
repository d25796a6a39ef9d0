// What tensors become that a plan does not decide, whichever way their elements lie.

import { expect, test } from 'vitest';
import type { TensorInfo } from '../../../core/checkpoint/checkpoint.ts';
import { fixedType, keptType } from '../../../core/export/gguf/storedTypes.ts';
import type { DType } from '../../../core/tensor/dtype.ts';
import type { PackedStorage } from '../../../core/tensor/storage.ts';

const extent = { file: 0, offset: 0, bytes: 16 };
const packed: PackedStorage = {
  kind: 'packed',
  scheme: 'MXFP4',
  rows: 1,
  columns: 32,
  values: 'E2M1',
  factors: [],
  codes: {
    extent,
    rows: 1,
    columns: 32,
    bits: 4,
    wordBytes: 1,
    streams: 'rows',
    streamStride: 16,
    wordStride: 1,
    packing: 'slots',
  },
};

function tensor(dtype: DType, role: TensorInfo['role'], storage?: PackedStorage): TensorInfo {
  const shape = [4, 32];
  const place = { role, layer: null, stack: '', module: 'x' };
  const info = { index: 0, name: 'x', dtype, shape, elements: 128, bytes: 68, file: 0, offset: 0, ...place };
  return storage === undefined ? info : { ...info, storage };
}

test.each([
  ['MXFP4', undefined, 'MXFP4'],
  ['MXFP4', packed, 'F16'],
  ['NVFP4', packed, 'F16'],
  ['INT4', packed, 'F16'],
  ['BF16', undefined, 'BF16'],
  ['F8_E4M3', undefined, 'BF16'],
  ['F64', undefined, 'F32'],
] as const)('a kept %s matrix', (dtype, storage, kept) => {
  expect(keptType(tensor(dtype, 'mlp.up', storage))).toBe(kept);
});

test.each([
  ['MXFP4', packed, 'F32'],
  ['MXFP4', undefined, 'MXFP4'],
  ['INT8', packed, 'F32'],
  ['I32', undefined, 'I32'],
] as const)('a %s router is not quantized', (dtype, storage, fixed) => {
  expect(fixedType(tensor(dtype, 'router', storage))).toBe(fixed);
});

// PyTorch's names of element types: storage classes (torch/storage.py) and dtypes (torch/csrc/utils/tensor_dtypes.cpp).

import { type DType, dtypeInfo } from '../../tensor/dtype.ts';
import type { PickleGlobal } from './pickleValue.ts';

export interface StorageType {
  /** Null for raw bytes (UntypedStorage). */
  readonly dtype: DType | null;
  /** Codes of a quantized tensor; its quantizer tells their meaning. */
  readonly quantized?: 'signed' | 'unsigned';
}

const STORAGE_TYPES: ReadonlyMap<string, StorageType> = new Map<string, StorageType>([
  ['DoubleStorage', { dtype: 'F64' }],
  ['FloatStorage', { dtype: 'F32' }],
  ['HalfStorage', { dtype: 'F16' }],
  ['BFloat16Storage', { dtype: 'BF16' }],
  ['LongStorage', { dtype: 'I64' }],
  ['IntStorage', { dtype: 'I32' }],
  ['ShortStorage', { dtype: 'I16' }],
  ['CharStorage', { dtype: 'I8' }],
  ['ByteStorage', { dtype: 'U8' }],
  ['BoolStorage', { dtype: 'BOOL' }],
  ['ComplexFloatStorage', { dtype: 'C64' }],
  ['ComplexDoubleStorage', { dtype: 'C128' }],
  ['QInt8Storage', { dtype: 'I8', quantized: 'signed' }],
  ['QUInt8Storage', { dtype: 'U8', quantized: 'unsigned' }],
  ['QInt32Storage', { dtype: 'I32', quantized: 'signed' }],
  ['UntypedStorage', { dtype: null }],
]);

const DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ['float64', 'F64'],
  ['double', 'F64'],
  ['float32', 'F32'],
  ['float', 'F32'],
  ['float16', 'F16'],
  ['half', 'F16'],
  ['bfloat16', 'BF16'],
  ['float8_e4m3fn', 'F8_E4M3'],
  ['float8_e5m2', 'F8_E5M2'],
  ['float8_e8m0fnu', 'F8_E8M0'],
  ['float8_e4m3fnuz', 'F8_E4M3FNUZ'],
  ['float8_e5m2fnuz', 'F8_E5M2FNUZ'],
  ['complex64', 'C64'],
  ['cfloat', 'C64'],
  ['complex128', 'C128'],
  ['cdouble', 'C128'],
  ['int64', 'I64'],
  ['long', 'I64'],
  ['int32', 'I32'],
  ['int', 'I32'],
  ['int16', 'I16'],
  ['short', 'I16'],
  ['int8', 'I8'],
  ['uint64', 'U64'],
  ['uint32', 'U32'],
  ['uint16', 'U16'],
  ['uint8', 'U8'],
  ['bool', 'BOOL'],
]);

/** Types this reader knows by name only: complex32, bits8, quint4x2, … */
const OTHER_DTYPES =
  /^(complex32|chalf|float4_e2m1fn_x2|u?int[1-7]|bits(1x8|2x4|4x2|8|16)|quint(8|4x2|2x4)|qint(8|32))$/;

/** @returns undefined for a storage class that is not known */
export function storageType(className: string): StorageType | undefined {
  return STORAGE_TYPES.get(className);
}

/** @param name as in torch.float32 */
export function dtypeOfTorch(name: string): DType | undefined {
  return DTYPES.get(name);
}

export function isStorageClass({ module, name }: PickleGlobal): boolean {
  return /^torch(\.(cuda|storage|_C))?$/.test(module) && /^(Typed|[A-Z][A-Za-z0-9]*)Storage(Base)?$/.test(name);
}

export function isDtypeGlobal({ module, name }: PickleGlobal): boolean {
  return module === 'torch' && (DTYPES.has(name) || OTHER_DTYPES.test(name));
}

/** Bytes of an element of a plain dtype; 1 for raw bytes. */
export function bytesPerElement(dtype: DType | null | undefined): number {
  return dtype === null || dtype === undefined ? 1 : dtypeInfo(dtype).blockBytes;
}

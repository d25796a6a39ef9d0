// Element types of ONNX tensors (onnx.proto, TensorProto.DataType), in the terms of the product.

import type { DType } from '../../tensor/dtype.ts';
import type { CodeValues } from '../../tensor/storage.ts';
import { type SmallFloat, smallFloatValue, smallFloatValues } from './smallFloat.ts';

/** Fields of TensorProto that hold elements. */
export const DATA_FIELDS = { float: 4, int32: 5, string: 6, int64: 7, raw: 9, double: 10, uint64: 11 } as const;

export interface OnnxType {
  /** As onnx.proto spells it. */
  readonly name: string;
  readonly bits: number;
  /** Of a tensor of this type that no scale belongs to. */
  readonly dtype: DType;
  /** The typed field that holds elements when raw_data does not. */
  readonly field: number;
  /** Numbers per element in the typed field: 2 for complex. */
  readonly parts: number;
  /** How elements are packed codes, for types of at most 8 bits. */
  readonly values?: CodeValues;
  /** Of codes that scales belong to. */
  readonly packed?: DType;
  /** An element from the integer that the typed field holds; the field's number itself when left out. */
  readonly fromInteger?: (integer: number) => number;
}

interface Extra {
  field?: number;
  parts?: number;
  values?: CodeValues;
  packed?: DType;
  fromInteger?: (integer: number) => number;
}

const type = (name: string, bits: number, dtype: DType, extra: Extra = {}): OnnxType => ({
  name,
  bits,
  dtype,
  field: DATA_FIELDS.int32,
  parts: 1,
  ...extra,
});

/** Integers that quantizers use as codes. */
const codes = (name: string, bits: 2 | 4 | 8, dtype: DType, signed: boolean): OnnxType =>
  type(name, bits, dtype, {
    values: signed ? 'signed' : 'unsigned',
    packed: `INT${bits}`,
    fromInteger: (integer) => (signed ? (integer << (32 - bits)) >> (32 - bits) : integer & (2 ** bits - 1)),
  });

const float = (name: string, bits: number, dtype: DType, format: SmallFloat, extra: Extra = {}): OnnxType =>
  type(name, bits, dtype, { ...extra, fromInteger: (integer) => smallFloatValue(integer, format) });

/** Formats without a dtype of their own are tables of what each code stands for. */
const table = (name: string, bits: number, dtype: DType, packed: DType, format: SmallFloat): OnnxType =>
  float(name, bits, dtype, format, { packed, values: { numbers: smallFloatValues(bits, format) } });

const IEEE = { infinities: true, nan: 'ieee' } as const;

export const FLOAT_TYPE = type('FLOAT', 32, 'F32', { field: DATA_FIELDS.float });
export const INT64_TYPE = type('INT64', 64, 'I64', { field: DATA_FIELDS.int64 });

/** By number; strings are not tensors here and 0 is no type. */
export const ONNX_TYPES: Readonly<Record<number, OnnxType>> = {
  1: FLOAT_TYPE,
  2: codes('UINT8', 8, 'U8', false),
  3: codes('INT8', 8, 'I8', true),
  4: type('UINT16', 16, 'U16', { fromInteger: (integer) => integer & 0xffff }),
  5: type('INT16', 16, 'I16', { fromInteger: (integer) => (integer << 16) >> 16 }),
  6: type('INT32', 32, 'I32', { fromInteger: (integer) => integer | 0 }),
  7: INT64_TYPE,
  9: type('BOOL', 8, 'BOOL', { fromInteger: (integer) => (integer === 0 ? 0 : 1) }),
  10: float('FLOAT16', 16, 'F16', { exponentBits: 5, mantissaBits: 10, bias: 15, ...IEEE }),
  11: type('DOUBLE', 64, 'F64', { field: DATA_FIELDS.double }),
  12: type('UINT32', 32, 'U32', { field: DATA_FIELDS.uint64, fromInteger: (integer) => integer >>> 0 }),
  13: type('UINT64', 64, 'U64', {
    field: DATA_FIELDS.uint64,
    fromInteger: (integer) => (integer < 0 ? integer + 2 ** 64 : integer),
  }),
  14: type('COMPLEX64', 64, 'C64', { field: DATA_FIELDS.float, parts: 2 }),
  15: type('COMPLEX128', 128, 'C128', { field: DATA_FIELDS.double, parts: 2 }),
  16: float('BFLOAT16', 16, 'BF16', { exponentBits: 8, mantissaBits: 7, bias: 127, ...IEEE }),
  17: float(
    'FLOAT8E4M3FN',
    8,
    'F8_E4M3',
    { exponentBits: 4, mantissaBits: 3, bias: 7, nan: 'ones' },
    {
      packed: 'FP8',
      values: 'F8_E4M3',
    },
  ),
  18: table('FLOAT8E4M3FNUZ', 8, 'FP8', 'FP8', { exponentBits: 4, mantissaBits: 3, bias: 8, nan: 'negative zero' }),
  19: float(
    'FLOAT8E5M2',
    8,
    'F8_E5M2',
    { exponentBits: 5, mantissaBits: 2, bias: 15, ...IEEE },
    {
      packed: 'FP8',
      values: 'F8_E5M2',
    },
  ),
  20: table('FLOAT8E5M2FNUZ', 8, 'FP8', 'FP8', { exponentBits: 5, mantissaBits: 2, bias: 16, nan: 'negative zero' }),
  21: codes('UINT4', 4, 'INT4', false),
  22: codes('INT4', 4, 'INT4', true),
  23: float(
    'FLOAT4E2M1',
    4,
    'F4',
    { exponentBits: 2, mantissaBits: 1, bias: 1, nan: 'none' },
    {
      packed: 'FP4',
      values: 'E2M1',
    },
  ),
  24: type('FLOAT8E8M0', 8, 'F8_E8M0', {
    fromInteger: (integer) => ((integer & 0xff) === 0xff ? Number.NaN : 2 ** ((integer & 0xff) - 127)),
  }),
  25: codes('UINT2', 2, 'INT2', false),
  26: codes('INT2', 2, 'INT2', true),
  27: table('FLOAT6E2M3', 6, 'F6_E2M3', 'F6_E2M3', { exponentBits: 2, mantissaBits: 3, bias: 1, nan: 'none' }),
  28: table('FLOAT6E3M2', 6, 'F6_E3M2', 'F6_E3M2', { exponentBits: 3, mantissaBits: 2, bias: 3, nan: 'none' }),
};

export const STRING_TYPE = 8;

/** Elements that one integer of the typed field holds: 4-bit and 2-bit ones are packed into bytes first. */
export function elementsPerInteger({ bits }: OnnxType): number {
  return bits === 4 || bits === 2 ? 8 / bits : 1;
}

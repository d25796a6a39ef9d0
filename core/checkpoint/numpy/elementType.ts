// NumPy's names of element types ("<f4", ">i8", "|b1") as dtypes.

import type { DType } from '../../tensor/dtype.ts';
import type { PythonLiteral } from './pythonLiteral.ts';

export type ElementType =
  | { readonly dtype: DType; readonly bigEndian: boolean; readonly guess?: string }
  /** Nothing to show numbers of. */
  | { readonly unreadable: string };

/** numpy's array interface: kind and bytes, without the byte order. */
const TYPES: Readonly<Record<string, DType>> = {
  f8: 'F64',
  f4: 'F32',
  f2: 'F16',
  // Only ml_dtypes has a float of one byte that says so; its other small types are written as raw bytes.
  f1: 'F8_E5M2',
  i8: 'I64',
  i4: 'I32',
  i2: 'I16',
  i1: 'I8',
  u8: 'U64',
  u4: 'U32',
  u2: 'U16',
  u1: 'U8',
  b1: 'BOOL',
  c8: 'C64',
  c16: 'C128',
  V2: 'BF16',
  V1: 'U8',
};

/** Types NumPy has no name for are saved as raw bytes of the same size. */
const GUESSES: Readonly<Record<string, string>> = {
  V2: 'two raw bytes each, which is how NumPy saves bfloat16; read as BF16',
  V1: 'one raw byte each, as NumPy saves float8 and int4 without saying which; shown as U8',
};

const UNREADABLE: Readonly<Record<string, string>> = {
  O: 'Python objects, which only unpickling could read',
  U: 'text',
  S: 'text',
  a: 'text',
  M: 'dates',
  m: 'time spans',
  V: 'raw bytes',
  f: 'floats of unusual size',
  c: 'complex numbers of unusual size',
};

/** @param descr the header's `descr`: a string, or a list of fields */
export function elementType(descr: PythonLiteral): ElementType {
  if (descr.kind !== 'string') return { unreadable: 'records of several fields' };
  const { value } = descr;
  const order = value[0] ?? '';
  const ordered = '<>|='.includes(order) && order !== '';
  const code = ordered ? value.slice(1) : value;
  if (Object.hasOwn(TYPES, code)) {
    const guess = Object.hasOwn(GUESSES, code) ? GUESSES[code] : undefined;
    const type = { dtype: TYPES[code] ?? 'U8', bigEndian: order === '>' };
    return guess === undefined ? type : { ...type, guess };
  }
  const kind = code[0] ?? '';
  return { unreadable: Object.hasOwn(UNREADABLE, kind) ? (UNREADABLE[kind] ?? '') : 'an unknown type' };
}

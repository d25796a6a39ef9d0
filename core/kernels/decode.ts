// Any stored dtype to float32: WASM where there is a kernel, the TypeScript reference for the rare rest.

import { QuantscopeError } from '../base/errors.ts';
import { type DType, dtypeInfo, storedBytes } from '../tensor/dtype.ts';
import type { KernelExports } from './exports.ts';
import { CODEBOOK_DECODERS } from './reference/decodeCodebook.ts';
import { K_QUANT_DECODERS } from './reference/decodeKQuants.ts';
import { LEGACY_DECODERS } from './reference/decodeLegacy.ts';
import { BYTE_VALUES, PLAIN_DECODERS } from './reference/decodePlain.ts';
import type { Decoder } from './reference/decoder.ts';
import type { Kernels } from './wasm.ts';

/** The TypeScript truth for every dtype that holds real numbers. */
export const REFERENCE_DECODERS: Partial<Record<DType, Decoder>> = {
  ...PLAIN_DECODERS,
  ...LEGACY_DECODERS,
  ...K_QUANT_DECODERS,
  ...CODEBOOK_DECODERS,
};

type WasmDecode = (run: KernelExports, src: number, dst: number, count: number) => void;

/** Counts are elements for plain numbers, blocks for block types. */
const WASM_DECODERS: Partial<Record<DType, WasmDecode>> = {
  F64: (run, src, dst, count) => run.decodeF64(src, dst, count),
  F16: (run, src, dst, count) => run.decodeF16(src, dst, count),
  BF16: (run, src, dst, count) => run.decodeBF16(src, dst, count),
  I32: (run, src, dst, count) => run.decodeI32(src, dst, count),
  I64: (run, src, dst, count) => run.decodeI64(src, dst, count),
  Q4_0: (run, src, dst, count) => run.decodeQ4_0(src, dst, count),
  Q4_1: (run, src, dst, count) => run.decodeQ4_1(src, dst, count),
  Q5_0: (run, src, dst, count) => run.decodeQ5_0(src, dst, count),
  Q5_1: (run, src, dst, count) => run.decodeQ5_1(src, dst, count),
  Q8_0: (run, src, dst, count) => run.decodeQ8_0(src, dst, count),
  IQ4_NL: (run, src, dst, count) => run.decodeIQ4_NL(src, dst, count),
  MXFP4: (run, src, dst, count) => run.decodeMXFP4(src, dst, count),
  Q2_K: (run, src, dst, count) => run.decodeQ2_K(src, dst, count),
  Q3_K: (run, src, dst, count) => run.decodeQ3_K(src, dst, count),
  Q4_K: (run, src, dst, count) => run.decodeQ4_K(src, dst, count),
  Q5_K: (run, src, dst, count) => run.decodeQ5_K(src, dst, count),
  Q6_K: (run, src, dst, count) => run.decodeQ6_K(src, dst, count),
  IQ4_XS: (run, src, dst, count) => run.decodeIQ4_XS(src, dst, count),
  TQ2_0: (run, src, dst, count) => run.decodeTQ2_0(src, dst, count),
};

/** Whether elements are real numbers: false only for complex ones. Packed dtypes come with a storage that tells how. */
export function canDecode(dtype: DType): boolean {
  return REFERENCE_DECODERS[dtype] !== undefined || dtypeInfo(dtype).kind === 'packed';
}

/**
 * @param src pointer to `storedBytes(dtype, elements)` bytes in the arena, any alignment
 * @param dst pointer to `elements` float32 in the arena, 4-byte aligned, not overlapping src
 * @param elements a whole number of the dtype's blocks
 * @throws DTYPE_UNKNOWN for complex numbers, and for packed dtypes, whose scales lie elsewhere
 */
export function decodeToF32(kernels: Kernels, dtype: DType, src: number, dst: number, elements: number): void {
  const { run, arena } = kernels;
  if (dtypeInfo(dtype).kind === 'packed')
    throw new QuantscopeError('DTYPE_UNKNOWN', `${dtype} codes mean nothing without their scales`);
  if (dtype === 'F32') {
    arena.u8(dst, elements * 4).set(arena.u8(src, elements * 4));
    return;
  }
  const byteValue = BYTE_VALUES[dtype];
  if (byteValue !== undefined) {
    arena.scoped(() => {
      const table = arena.alloc(1024);
      arena.f32(table, 256).set(byteTable(dtype, byteValue));
      run.decodeBytes(src, dst, elements, table);
    });
    return;
  }
  const wasm = WASM_DECODERS[dtype];
  if (wasm !== undefined) {
    wasm(run, src, dst, elements / dtypeInfo(dtype).blockElements);
    return;
  }
  const reference = REFERENCE_DECODERS[dtype];
  if (reference === undefined)
    throw new QuantscopeError('DTYPE_UNKNOWN', `${dtype} elements cannot be read as real numbers`);
  reference(arena.u8(src, storedBytes(dtype, elements)), arena.f32(dst, elements));
}

const byteTables = new Map<DType, Float32Array>();

function byteTable(dtype: DType, value: (byte: number) => number): Float32Array {
  let table = byteTables.get(dtype);
  if (table === undefined) {
    table = Float32Array.from({ length: 256 }, (_, byte) => value(byte));
    byteTables.set(dtype, table);
  }
  return table;
}

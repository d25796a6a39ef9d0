// Plain numbers to float32: every dtype that is not a GGUF block.

import type { DType } from '../../tensor/dtype.ts';
import type { Decoder } from './decoder.ts';
import {
  bfloat16Value,
  float4Value,
  float6E2M3Value,
  float6E3M2Value,
  float8E4M3FnuzValue,
  float8E4M3Value,
  float8E5M2FnuzValue,
  float8E5M2Value,
  float8E8M0Value,
  float16Value,
} from './smallFloats.ts';

/** The 256 values of a one-byte dtype; the WASM path looks bytes up in the same table. */
export const BYTE_VALUES: Partial<Record<DType, (byte: number) => number>> = {
  F8_E4M3: float8E4M3Value,
  F8_E5M2: float8E5M2Value,
  F8_E8M0: float8E8M0Value,
  F8_E4M3FNUZ: float8E4M3FnuzValue,
  F8_E5M2FNUZ: float8E5M2FnuzValue,
  I8: (byte) => (byte << 24) >> 24,
  U8: (byte) => byte,
  BOOL: (byte) => (byte === 0 ? 0 : 1),
};

/** Little endian; integers beyond 2^24 and float64 round to the nearest float32. */
export const PLAIN_DECODERS: Partial<Record<DType, Decoder>> = {
  F64: wide(8, (view, at) => view.getFloat64(at, true)),
  F32: wide(4, (view, at) => view.getFloat32(at, true)),
  F16: wide(2, (view, at) => float16Value(view.getUint16(at, true))),
  BF16: wide(2, (view, at) => bfloat16Value(view.getUint16(at, true))),
  F8_E4M3: wide(1, (view, at) => float8E4M3Value(view.getUint8(at))),
  F8_E5M2: wide(1, (view, at) => float8E5M2Value(view.getUint8(at))),
  F8_E8M0: wide(1, (view, at) => float8E8M0Value(view.getUint8(at))),
  F8_E4M3FNUZ: wide(1, (view, at) => float8E4M3FnuzValue(view.getUint8(at))),
  F8_E5M2FNUZ: wide(1, (view, at) => float8E5M2FnuzValue(view.getUint8(at))),
  I64: wide(8, (view, at) => roundedToFloat32(view.getBigInt64(at, true))),
  I32: wide(4, (view, at) => view.getInt32(at, true)),
  I16: wide(2, (view, at) => view.getInt16(at, true)),
  I8: wide(1, (view, at) => view.getInt8(at)),
  U64: wide(8, (view, at) => roundedToFloat32(view.getBigUint64(at, true))),
  U32: wide(4, (view, at) => view.getUint32(at, true)),
  U16: wide(2, (view, at) => view.getUint16(at, true)),
  U8: wide(1, (view, at) => view.getUint8(at)),
  BOOL: wide(1, (view, at) => (view.getUint8(at) === 0 ? 0 : 1)),
  F4: decodeF4,
  F6_E2M3: (src, dst) => decodeF6(src, dst, float6E2M3Value),
  F6_E3M2: (src, dst) => decodeF6(src, dst, float6E3M2Value),
};

function wide(bytes: number, value: (view: DataView, at: number) => number): Decoder {
  return (src, dst) => {
    const view = new DataView(src.buffer, src.byteOffset, src.byteLength);
    for (let i = 0; i < dst.length; i++) dst[i] = value(view, i * bytes);
  };
}

/** BigInt → double → float would round twice; keep the low bits sticky so that the second rounding sees them. */
function roundedToFloat32(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  if (magnitude < 1n << 53n) return Number(value);
  const sticky = (magnitude >> 12n) | (magnitude & 0xfffn ? 1n : 0n);
  return (value < 0n ? -1 : 1) * Number(sticky) * 4096;
}

/** Two elements in a byte, the first in the low nibble. */
function decodeF4(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0; i < dst.length; i++) dst[i] = float4Value(((src[i >> 1] ?? 0) >> (4 * (i & 1))) & 15);
}

/** Four elements in three bytes, least significant bits first. */
function decodeF6(src: Uint8Array, dst: Float32Array, value: (bits: number) => number): void {
  for (let i = 0; i < dst.length; i++) {
    const bit = 6 * i;
    const at = bit >> 3;
    const pair = (src[at] ?? 0) | ((src[at + 1] ?? 0) << 8);
    dst[i] = value((pair >> (bit & 7)) & 63);
  }
}

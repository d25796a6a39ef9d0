// What a reference decoder is, and the block walk they share.

import { float16Value } from './smallFloats.ts';

/** Fills all of `dst` from whole blocks at the start of `src`. */
export type Decoder = (src: Uint8Array, dst: Float32Array) => void;

/** One block: `b` its bytes, `y` its elements. */
export type BlockDecoder = (b: Uint8Array, y: Float32Array) => void;

/** Round to float32, as every C float operation of the original does. */
export const f32 = Math.fround;

export function eachBlock(bytes: number, elements: number, decode: BlockDecoder): Decoder {
  return (src, dst) => {
    for (let i = 0; i < dst.length / elements; i++)
      decode(src.subarray(i * bytes, (i + 1) * bytes), dst.subarray(i * elements, (i + 1) * elements));
  };
}

/** Byte `at`; blocks are whole, so it is there. */
export function u8(b: Uint8Array, at: number): number {
  return b[at] as number;
}

export function i8(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 24) >> 24;
}

export function u16(b: Uint8Array, at: number): number {
  return u8(b, at) | (u8(b, at + 1) << 8);
}

export function u32(b: Uint8Array, at: number): number {
  return (u16(b, at) | (u16(b, at + 2) << 16)) >>> 0;
}

export function half(b: Uint8Array, at: number): number {
  return float16Value(u16(b, at));
}

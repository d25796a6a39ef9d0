// float32 → F32, F16 and BF16 bytes; importance weights have nothing to do here.

import { at } from './at.ts';
import { encodeHalf } from './half.ts';

export function encodeF32(src: Float32Array): Uint8Array {
  return new Uint8Array(src.slice().buffer);
}

/** ggml_fp32_to_fp16_row */
export function encodeF16(src: Float32Array): Uint8Array {
  return new Uint8Array(Uint16Array.from(src, encodeHalf).buffer);
}

/** ggml_fp32_to_bf16_row: round to nearest even; NaN keeps its high bits and becomes quiet. */
export function encodeBF16(src: Float32Array): Uint8Array {
  const words = new Uint32Array(src.slice().buffer);
  const out = new Uint16Array(words.length);
  for (let i = 0; i < words.length; i++) {
    const word = at(words, i);
    const isNan = (word & 0x7fffffff) > 0x7f800000;
    out[i] = isNan ? (word >>> 16) | 64 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return new Uint8Array(out.buffer);
}

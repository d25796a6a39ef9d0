// The quantizers in plain TypeScript, by type: what the WASM kernels are compared with.

import type { EncodableType } from '../encode.ts';
import { encodeBF16, encodeF16, encodeF32 } from './encodePlain.ts';
import { quantizeIQ4_NL, quantizeIQ4_XS } from './quantizeIq4.ts';
import { quantizeQ4_0, quantizeQ4_1, quantizeQ5_0, quantizeQ5_1, quantizeQ8_0 } from './quantizeLegacy.ts';
import { quantizeQ2_K } from './quantizeQ2_K.ts';
import { quantizeQ3_K } from './quantizeQ3_K.ts';
import { quantizeQ4_K } from './quantizeQ4_K.ts';
import { quantizeQ5_K } from './quantizeQ5_K.ts';
import { quantizeQ6_K } from './quantizeQ6_K.ts';

/**
 * ggml_quantize_chunk, byte for byte.
 * @param src     rows · columns values, row-major, columns a whole number of blocks
 * @param weights `columns` importance weights, or null
 */
export type Quantizer = (src: Float32Array, rows: number, columns: number, weights: Float32Array | null) => Uint8Array;

export const REFERENCE_QUANTIZERS: Readonly<Record<EncodableType, Quantizer>> = {
  F32: encodeF32,
  F16: encodeF16,
  BF16: encodeBF16,
  Q8_0: quantizeQ8_0,
  Q4_0: quantizeQ4_0,
  Q4_1: quantizeQ4_1,
  Q5_0: quantizeQ5_0,
  Q5_1: quantizeQ5_1,
  IQ4_NL: quantizeIQ4_NL,
  IQ4_XS: quantizeIQ4_XS,
  Q2_K: quantizeQ2_K,
  Q3_K: quantizeQ3_K,
  Q4_K: quantizeQ4_K,
  Q5_K: quantizeQ5_K,
  Q6_K: quantizeQ6_K,
};

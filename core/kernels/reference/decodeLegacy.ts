// GGUF blocks of 32 to 128 with one scale (ggml-quants.c `dequantize_row_q1_0` … `_q8_0`, `_iq4_nl`, `_mxfp4`, `_nvfp4`).
// Of 32, element j sits in the low nibble of qs[j], element j + 16 in the high one.

import type { DType } from '../../tensor/dtype.ts';
import { type Decoder, eachBlock, f32, half, i8, u8, u32 } from './decoder.ts';
import { halfE8M0Value, halfUE4M3Value } from './smallFloats.ts';

/** ggml-common.h `kvalues_iq4nl`. */
export const IQ4_LEVELS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113] as const;
/** Doubled E2M1 values: ggml-common.h `kvalues_fp4`. */
export const FP4_DOUBLED = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12] as const;

export const LEGACY_DECODERS: Partial<Record<DType, Decoder>> = {
  // d f16 | qs[16]                 x = ± d: bit 0 of qs[0] is the sign of element 0, set for +
  Q1_0: eachBlock(18, 128, (b, y) => {
    const d = half(b, 0);
    for (let j = 0; j < 128; j++) y[j] = (u8(b, 2 + (j >> 3)) >> (j & 7)) & 1 ? d : -d;
  }),
  // d f16 | qs[16]                 x = d · (q − 1), four elements in a byte, the first in the low bits
  Q2_0: eachBlock(18, 64, (b, y) => {
    const d = half(b, 0);
    for (let j = 0; j < 64; j++) y[j] = (((u8(b, 2 + (j >> 2)) >> (2 * (j & 3))) & 3) - 1) * d;
  }),
  // d f16 | qs[16]                 x = d · (q − 8)
  Q4_0: eachBlock(18, 32, (b, y) => {
    const d = half(b, 0);
    for (let j = 0; j < 16; j++) {
      y[j] = ((u8(b, 2 + j) & 15) - 8) * d;
      y[j + 16] = ((u8(b, 2 + j) >> 4) - 8) * d;
    }
  }),
  // d f16 | m f16 | qs[16]         x = d · q + m
  Q4_1: eachBlock(20, 32, (b, y) => {
    const d = half(b, 0);
    const m = half(b, 2);
    for (let j = 0; j < 16; j++) {
      y[j] = f32((u8(b, 4 + j) & 15) * d) + m;
      y[j + 16] = f32((u8(b, 4 + j) >> 4) * d) + m;
    }
  }),
  // d f16 | qh[4] | qs[16]         x = d · (q − 16), bit 4 of element j is bit j of qh
  Q5_0: eachBlock(22, 32, (b, y) => {
    const d = half(b, 0);
    const high = u32(b, 2);
    for (let j = 0; j < 16; j++) {
      y[j] = (((u8(b, 6 + j) & 15) | (((high >>> j) & 1) << 4)) - 16) * d;
      y[j + 16] = (((u8(b, 6 + j) >> 4) | (((high >>> (j + 16)) & 1) << 4)) - 16) * d;
    }
  }),
  // d f16 | m f16 | qh[4] | qs[16] x = d · q + m
  Q5_1: eachBlock(24, 32, (b, y) => {
    const d = half(b, 0);
    const m = half(b, 2);
    const high = u32(b, 4);
    for (let j = 0; j < 16; j++) {
      y[j] = f32(((u8(b, 8 + j) & 15) | (((high >>> j) & 1) << 4)) * d) + m;
      y[j + 16] = f32(((u8(b, 8 + j) >> 4) | (((high >>> (j + 16)) & 1) << 4)) * d) + m;
    }
  }),
  // d f16 | i8 qs[32]
  Q8_0: eachBlock(34, 32, (b, y) => {
    const d = half(b, 0);
    for (let j = 0; j < 32; j++) y[j] = i8(b, 2 + j) * d;
  }),
  // d f16 | s f16 (= d · Σq, for dot products only) | i8 qs[32]
  Q8_1: eachBlock(36, 32, (b, y) => {
    const d = half(b, 0);
    for (let j = 0; j < 32; j++) y[j] = i8(b, 4 + j) * d;
  }),
  // d f16 | qs[16]                 x = d · level[q]
  IQ4_NL: eachBlock(18, 32, (b, y) => {
    const d = half(b, 0);
    for (let j = 0; j < 16; j++) {
      y[j] = d * (IQ4_LEVELS[u8(b, 2 + j) & 15] ?? 0);
      y[j + 16] = d * (IQ4_LEVELS[u8(b, 2 + j) >> 4] ?? 0);
    }
  }),
  // e E8M0 | qs[16]                x = 2^(e − 128) · doubled E2M1
  MXFP4: eachBlock(17, 32, (b, y) => {
    const d = halfE8M0Value(u8(b, 0));
    for (let j = 0; j < 16; j++) {
      y[j] = (FP4_DOUBLED[u8(b, 1 + j) & 15] ?? 0) * d;
      y[j + 16] = (FP4_DOUBLED[u8(b, 1 + j) >> 4] ?? 0) * d;
    }
  }),
  // d UE4M3[4] | qs[32]            four sub-blocks of 16, each with its nibbles in 8 bytes
  NVFP4: eachBlock(36, 64, (b, y) => {
    for (let s = 0; s < 4; s++) {
      const d = halfUE4M3Value(u8(b, s));
      for (let j = 0; j < 8; j++) {
        const q = u8(b, 4 + 8 * s + j);
        y[16 * s + j] = (FP4_DOUBLED[q & 15] ?? 0) * d;
        y[16 * s + j + 8] = (FP4_DOUBLED[q >> 4] ?? 0) * d;
      }
    }
  }),
};

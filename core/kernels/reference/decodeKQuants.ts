// GGUF super-blocks of 256 with quantized scales (ggml-quants.c `dequantize_row_q2_K` … `_q8_K`, `_iq4_xs`, `_tq1_0`, `_tq2_0`).

import type { DType } from '../../tensor/dtype.ts';
import { IQ4_LEVELS } from './decodeLegacy.ts';
import { type Decoder, eachBlock, f32, half, i8, u8, u16 } from './decoder.ts';

export const K_QUANT_DECODERS: Partial<Record<DType, Decoder>> = {
  // scales[16] (scale low nibble, min high) | qs[64] | d f16 | dmin f16      x = d·sc·q − dmin·m, 16 per scale
  Q2_K: eachBlock(84, 256, (b, y) => {
    const d = half(b, 80);
    const dmin = half(b, 82);
    for (let i = 0; i < 256; i++) {
      const scale = u8(b, i >> 4);
      const dl = f32(d * (scale & 15));
      const ml = f32(dmin * (scale >> 4));
      y[i] = f32(dl * twoBits(b, 16, i)) - ml;
    }
  }),
  // hmask[32] | qs[64] | scales[12] (6 bit) | d f16                          x = d·(sc − 32)·(q − 4 unless hmask)
  Q3_K: eachBlock(110, 256, (b, y) => {
    const d = half(b, 108);
    for (let i = 0; i < 256; i++) {
      const dl = f32(d * (scaleOfQ3(b, i >> 4) - 32));
      const high = (u8(b, i & 31) >> (i >> 5)) & 1;
      y[i] = dl * (twoBits(b, 32, i) - (high ? 0 : 4));
    }
  }),
  // d f16 | dmin f16 | scales[12] (6 bit) | qs[128]                          x = d·sc·q − dmin·m, 32 per scale
  Q4_K: eachBlock(144, 256, (b, y) => {
    const d = half(b, 0);
    const dmin = half(b, 2);
    for (let i = 0; i < 256; i++) {
      const { scale, min } = scaleAndMinOfQ4(b, i >> 5);
      y[i] = f32(f32(d * scale) * nibble(b, 16, i)) - f32(dmin * min);
    }
  }),
  // d f16 | dmin f16 | scales[12] | qh[32] | qs[128]                         as Q4_K with bit 4 from qh
  Q5_K: eachBlock(176, 256, (b, y) => {
    const d = half(b, 0);
    const dmin = half(b, 2);
    for (let i = 0; i < 256; i++) {
      const { scale, min } = scaleAndMinOfQ4(b, i >> 5);
      const high = (u8(b, 16 + (i & 31)) >> (i >> 5)) & 1;
      y[i] = f32(f32(d * scale) * (nibble(b, 48, i) + 16 * high)) - f32(dmin * min);
    }
  }),
  // ql[128] | qh[64] | i8 scales[16] | d f16                                 x = d·sc·(q − 32), 16 per scale
  Q6_K: eachBlock(210, 256, (b, y) => {
    const d = half(b, 208);
    for (let i = 0; i < 256; i++) {
      const part = i >> 7; // 128 elements use 64 bytes of ql and 32 of qh
      const lane = i & 31;
      const quarter = (i >> 5) & 3;
      const low = (u8(b, 64 * part + lane + 32 * (quarter & 1)) >> (4 * (quarter >> 1))) & 15;
      const high = (u8(b, 128 + 32 * part + lane) >> (2 * quarter)) & 3;
      y[i] = f32(d * i8(b, 192 + (i >> 4))) * ((low | (high << 4)) - 32);
    }
  }),
  // d f32 | i8 qs[256] | i16 bsums[16] (for dot products only)
  Q8_K: eachBlock(292, 256, (b, y) => {
    const d = new DataView(b.buffer, b.byteOffset, 4).getFloat32(0, true);
    for (let i = 0; i < 256; i++) y[i] = d * i8(b, 4 + i);
  }),
  // d f16 | u16 scales_h | scales_l[4] | qs[128]                             x = d·(sc − 32)·level[q], 32 per scale
  IQ4_XS: eachBlock(136, 256, (b, y) => {
    const d = half(b, 0);
    for (let i = 0; i < 256; i++) {
      const group = i >> 5;
      const low = (u8(b, 4 + (group >> 1)) >> (4 * (group & 1))) & 15;
      const scale = low | (((u16(b, 2) >> (2 * group)) & 3) << 4);
      const q = (u8(b, 8 + 16 * group + (i & 15)) >> (i & 16 ? 4 : 0)) & 15;
      y[i] = f32(d * (scale - 32)) * (IQ4_LEVELS[q] ?? 0);
    }
  }),
  // qs[48] | qh[4] | d f16        five base-3 digits per byte of qs, four per byte of qh, most significant first
  TQ1_0: eachBlock(54, 256, (b, y) => {
    const d = half(b, 52);
    let i = 0;
    const digits = (from: number, bytes: number, count: number): void => {
      for (let n = 0; n < count; n++)
        for (let m = 0; m < bytes; m++) {
          const q = (u8(b, from + m) * 3 ** n) & 255;
          y[i++] = (((q * 3) >> 8) - 1) * d;
        }
    };
    digits(0, 32, 5);
    digits(32, 16, 5);
    digits(48, 4, 4);
  }),
  // qs[64] | d f16                x = d · (q − 1)
  TQ2_0: eachBlock(66, 256, (b, y) => {
    const d = half(b, 64);
    for (let i = 0; i < 256; i++) y[i] = (twoBits(b, 0, i) - 1) * d;
  }),
};

/** 128 elements share 32 bytes; each run of 32 elements takes the next two bits of all of them. */
function twoBits(b: Uint8Array, from: number, i: number): number {
  return (u8(b, from + 32 * (i >> 7) + (i & 31)) >> (2 * ((i >> 5) & 3))) & 3;
}

/** 64 elements share 32 bytes: the first 32 in the low nibbles. */
function nibble(b: Uint8Array, from: number, i: number): number {
  return (u8(b, from + 32 * (i >> 6) + (i & 31)) >> (i & 32 ? 4 : 0)) & 15;
}

/** Six-bit scales: low four bits in nibbles of bytes 0–7, high two bits in bytes 8–11. */
function scaleOfQ3(b: Uint8Array, group: number): number {
  const low = (u8(b, 96 + (group & 7)) >> (group & 8 ? 4 : 0)) & 15;
  return low | (((u8(b, 104 + (group & 3)) >> (2 * (group >> 2))) & 3) << 4);
}

/** ggml-quants.c `get_scale_min_k4`: eight pairs of six bits in 12 bytes. */
function scaleAndMinOfQ4(b: Uint8Array, j: number): { scale: number; min: number } {
  const q = (at: number): number => u8(b, 4 + at);
  if (j < 4) return { scale: q(j) & 63, min: q(j + 4) & 63 };
  return { scale: (q(j + 4) & 15) | ((q(j - 4) >> 6) << 4), min: (q(j + 4) >> 4) | ((q(j) >> 6) << 4) };
}

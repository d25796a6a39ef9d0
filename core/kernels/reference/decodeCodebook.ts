// GGUF super-blocks of 256 whose elements are points of a fixed grid (ggml-quants.c `dequantize_row_iq1_s` … `_iq3_s`).

import type { DType } from '../../tensor/dtype.ts';
import { IQ1_GRID, IQ2_S_GRID, IQ2_XS_GRID, IQ2_XXS_GRID, IQ3_S_GRID, IQ3_XXS_GRID } from './codebookGrids.ts';
import { type Decoder, eachBlock, f32, half, u8, u16, u32 } from './decoder.ts';
import { float16Value } from './smallFloats.ts';

/** ggml-common.h IQ1S_DELTA: every point of the ternary grid is moved by ± this. */
const IQ1_DELTA = 0.125;

export const CODEBOOK_DECODERS: Partial<Record<DType, Decoder>> = {
  // d f16 | per 32 elements: 4 grid indices, then u32 = 4 × 7 sign bits and a scale in the top 4
  IQ2_XXS: eachBlock(66, 256, (b, y) => {
    const d = half(b, 0);
    for (let group = 0; group < 8; group++) {
      const at = 2 + 8 * group;
      const signs = u32(b, at + 4);
      const scale = f32(f32(d * (0.5 + (signs >>> 28))) * 0.25);
      for (let l = 0; l < 4; l++)
        point(y, 32 * group + 8 * l, 8, IQ2_XXS_GRID, u8(b, at + l), scale, evenSigns((signs >>> (7 * l)) & 127));
    }
  }),
  // d f16 | u16 qs[32]: 9-bit index, 7 sign bits | scales[8]: two 4-bit scales per 32
  IQ2_XS: eachBlock(74, 256, (b, y) => {
    const d = half(b, 0);
    for (let i = 0; i < 32; i++) {
      const q = u16(b, 2 + 2 * i);
      const scale = f32(f32(d * (0.5 + halfByte(b, 66 + (i >> 2), i & 2))) * 0.25);
      point(y, 8 * i, 8, IQ2_XS_GRID, q & 511, scale, evenSigns(q >> 9));
    }
  }),
  // d f16 | qs[32] low 8 index bits | signs[32] | qh[8] high 2 bits | scales[8]
  IQ2_S: eachBlock(82, 256, (b, y) => {
    const d = half(b, 0);
    for (let i = 0; i < 32; i++) {
      const high = (u8(b, 66 + (i >> 2)) >> (2 * (i & 3))) & 3;
      const scale = f32(f32(d * (0.5 + halfByte(b, 74 + (i >> 2), i & 2))) * 0.25);
      point(y, 8 * i, 8, IQ2_S_GRID, u8(b, 2 + i) | (high << 8), scale, u8(b, 34 + i));
    }
  }),
  // d f16 | qs[64] | per 32 elements u32 = 4 × 7 sign bits and a scale
  IQ3_XXS: eachBlock(98, 256, (b, y) => {
    const d = half(b, 0);
    for (let group = 0; group < 8; group++) {
      const word = u32(b, 66 + 4 * group);
      const scale = f32(f32(d * (0.5 + (word >>> 28))) * 0.5);
      for (let l = 0; l < 4; l++) {
        const signs = evenSigns((word >>> (7 * l)) & 127);
        const at = 8 * group + 2 * l;
        point(y, 4 * at, 4, IQ3_XXS_GRID, u8(b, 2 + at), scale, signs);
        point(y, 4 * at + 4, 4, IQ3_XXS_GRID, u8(b, 3 + at), scale, signs >> 4);
      }
    }
  }),
  // d f16 | qs[64] | qh[8] bit 8 of the index | signs[32] | scales[4]: 4 bits per 32
  IQ3_S: eachBlock(110, 256, (b, y) => {
    const d = half(b, 0);
    for (let i = 0; i < 64; i++) {
      const group = i >> 3;
      const high = (u8(b, 66 + group) >> (i & 7)) & 1;
      const scale = f32(d * (1 + 2 * halfByte(b, 106 + (group >> 1), group & 1)));
      const signs = u8(b, 74 + (i >> 1)) >> (4 * (i & 1));
      point(y, 4 * i, 4, IQ3_S_GRID, u8(b, 2 + i) | (high << 8), scale, signs);
    }
  }),
  // d f16 | qs[32] | u16 qh[8]: 4 × 3 high index bits, 3 scale bits, the sign of delta
  IQ1_S: eachBlock(50, 256, (b, y) => {
    const d = half(b, 0);
    for (let i = 0; i < 32; i++) {
      const qh = u16(b, 34 + 2 * (i >> 2));
      const scale = f32(d * (2 * ((qh >> 12) & 7) + 1));
      const index = u8(b, i + 2) | (((qh >> (3 * (i & 3))) & 7) << 8);
      shiftedPoint(y, 8 * i, index, scale, qh & 0x8000 ? -IQ1_DELTA : IQ1_DELTA);
    }
  }),
  // qs[32] | qh[16]: nibbles of 3 high index bits and the sign of delta | u16 scales[4]: 4 × 3 bits and a nibble of d
  IQ1_M: eachBlock(56, 256, (b, y) => {
    const word = (at: number): number => u16(b, 48 + 2 * at);
    const d = float16Value((word(0) >> 12) | ((word(1) >> 8) & 0xf0) | ((word(2) >> 4) & 0xf00) | (word(3) & 0xf000));
    for (let i = 0; i < 32; i++) {
      const scale = f32(d * (2 * ((word(i >> 3) >> (3 * ((i >> 1) & 3))) & 7) + 1));
      const nibble = halfByte(b, 32 + (i >> 1), i & 1);
      shiftedPoint(y, 8 * i, u8(b, i) | ((nibble & 7) << 8), scale, nibble & 8 ? -IQ1_DELTA : IQ1_DELTA);
    }
  }),
};

function point(
  y: Float32Array,
  at: number,
  width: number,
  grid: Int8Array,
  index: number,
  scale: number,
  signs: number,
): void {
  for (let j = 0; j < width; j++) {
    const magnitude = f32(scale * i8FromGrid(grid, index * width + j));
    y[at + j] = (signs >> j) & 1 ? -magnitude : magnitude;
  }
}

function shiftedPoint(y: Float32Array, at: number, index: number, scale: number, delta: number): void {
  for (let j = 0; j < 8; j++) y[at + j] = scale * (i8FromGrid(IQ1_GRID, index * 8 + j) + delta);
}

function i8FromGrid(grid: Int8Array, at: number): number {
  return grid[at] as number;
}

/** The low nibble of a byte, or the high one when `high` is not 0. */
function halfByte(b: Uint8Array, at: number, high: number): number {
  return high === 0 ? u8(b, at) & 15 : u8(b, at) >> 4;
}

/** ggml-common.h `ksigns_iq2xs`: seven stored sign bits; the eighth makes their number even. */
function evenSigns(seven: number): number {
  let parity = seven;
  parity ^= parity >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return seven | ((parity & 1) << 7);
}

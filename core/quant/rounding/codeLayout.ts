// Where the codes of a block lie among its bytes: what lets a code be chosen when scales and minimums are written already.
// Layouts as in ggml-common.h; core/kernels/reference/decodeLegacy.ts and decodeKQuants.ts draw them.

import type { DType } from '../../tensor/dtype.ts';

/** Some bits of an element's code: `bits` of them, from bit `from` of the code, lie at `shift` in byte `byte`. */
interface Field {
  readonly byte: number;
  readonly shift: number;
  readonly bits: number;
  readonly from: number;
}

/** Codes count from 0 and their levels never change direction: either all rise with the code or all fall. */
export interface CodeLayout {
  readonly codes: number;
  /** What is stored for code 0, where codes are two's complement. */
  readonly first: number;
  /** Of element i of a block. */
  readonly fields: (i: number) => readonly Field[];
}

const LAYOUTS: Partial<Record<DType, CodeLayout>> = {
  Q4_0: { codes: 16, first: 0, fields: (i) => [halves(2, i)] },
  Q4_1: { codes: 16, first: 0, fields: (i) => [halves(4, i)] },
  Q5_0: { codes: 32, first: 0, fields: (i) => [halves(6, i), bit(2 + (i >> 3), i & 7, 4)] },
  Q5_1: { codes: 32, first: 0, fields: (i) => [halves(8, i), bit(4 + (i >> 3), i & 7, 4)] },
  IQ4_NL: { codes: 16, first: 0, fields: (i) => [halves(2, i)] },
  // −127 to 127: no quantizer writes −128, and dot products need not bear it.
  Q8_0: { codes: 255, first: -127, fields: (i) => [{ byte: 2 + i, shift: 0, bits: 8, from: 0 }] },
  Q2_K: { codes: 4, first: 0, fields: (i) => [quarters(16, i)] },
  Q3_K: { codes: 8, first: 0, fields: (i) => [quarters(32, i), bit(i & 31, i >> 5, 2)] },
  Q4_K: { codes: 16, first: 0, fields: (i) => [nibble(16, i)] },
  Q5_K: { codes: 32, first: 0, fields: (i) => [nibble(48, i), bit(16 + (i & 31), i >> 5, 4)] },
  Q6_K: { codes: 64, first: 0, fields: q6Fields },
  IQ4_XS: { codes: 16, first: 0, fields: (i) => [halves(8 + 16 * (i >> 5), i & 31)] },
};

/** @returns null for types without blocks */
export function codeLayout(type: DType): CodeLayout | null {
  return LAYOUTS[type] ?? null;
}

/** Of 32 elements, the first 16 in the low nibbles of 16 bytes. */
function halves(start: number, i: number): Field {
  return { byte: start + (i & 15), shift: i & 16 ? 4 : 0, bits: 4, from: 0 };
}

/** Of 64 elements, the first 32 in the low nibbles of 32 bytes. */
function nibble(start: number, i: number): Field {
  return { byte: start + 32 * (i >> 6) + (i & 31), shift: i & 32 ? 4 : 0, bits: 4, from: 0 };
}

/** Of 128 elements, each run of 32 takes the next two bits of 32 bytes. */
function quarters(start: number, i: number): Field {
  return { byte: start + 32 * (i >> 7) + (i & 31), shift: 2 * ((i >> 5) & 3), bits: 2, from: 0 };
}

function bit(byte: number, shift: number, from: number): Field {
  return { byte, shift, bits: 1, from };
}

/** ql[128]: nibbles of 64 bytes for each half of the block; qh[64]: two bits above them, of 32 bytes for each half. */
function q6Fields(i: number): Field[] {
  const half = i >> 7;
  const quarter = (i >> 5) & 3;
  const lane = i & 31;
  return [
    { byte: 64 * half + 32 * (quarter & 1) + lane, shift: 4 * (quarter >> 1), bits: 4, from: 0 },
    { byte: 128 + 32 * half + lane, shift: 2 * quarter, bits: 2, from: 4 },
  ];
}

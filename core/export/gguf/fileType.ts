// `general.file_type`: the name llama.cpp shows for a file, by the type most of its weights have.

import type { DType } from '../../tensor/dtype.ts';

/** llama.h `enum llama_ftype`. A K type alone is its "small" mix; among other types it is the "medium" one. */
const FILE_TYPES: Partial<Record<DType, { pure: number; mixed: number }>> = {
  F32: { pure: 0, mixed: 0 },
  F16: { pure: 1, mixed: 1 },
  Q4_0: { pure: 2, mixed: 2 },
  Q4_1: { pure: 3, mixed: 3 },
  Q8_0: { pure: 7, mixed: 7 },
  Q5_0: { pure: 8, mixed: 8 },
  Q5_1: { pure: 9, mixed: 9 },
  Q2_K: { pure: 10, mixed: 10 },
  Q3_K: { pure: 11, mixed: 12 },
  Q4_K: { pure: 14, mixed: 15 },
  Q5_K: { pure: 16, mixed: 17 },
  Q6_K: { pure: 18, mixed: 18 },
  IQ4_NL: { pure: 25, mixed: 25 },
  IQ4_XS: { pure: 30, mixed: 30 },
  BF16: { pure: 32, mixed: 32 },
};

/** @param weights type and element count of every planned tensor. @returns F32's number when there is none. */
export function fileType(weights: Iterable<{ type: DType; elements: number }>): number {
  const elements = new Map<DType, number>();
  for (const { type, elements: count } of weights) elements.set(type, (elements.get(type) ?? 0) + count);
  let winner: DType = 'F32';
  for (const [type, count] of elements) if (count > (elements.get(winner) ?? 0)) winner = type;
  const numbers = FILE_TYPES[winner];
  return elements.size === 1 ? (numbers?.pure ?? 0) : (numbers?.mixed ?? 0);
}

// GGUF target types: which tensors may be quantized, and what llama.cpp stores when a row does not fit a block.

import type { Role } from '../model/places.ts';
import { type DType, dtypeInfo, storedBytes } from '../tensor/dtype.ts';

/** Types the exporter can write, smallest first. */
export const GGUF_TARGETS = [
  'Q2_K',
  'Q3_K',
  'IQ4_XS',
  'Q4_0',
  'IQ4_NL',
  'Q4_K',
  'Q4_1',
  'Q5_0',
  'Q5_K',
  'Q5_1',
  'Q6_K',
  'Q8_0',
  'BF16',
  'F16',
  'F32',
] as const satisfies readonly DType[];

export type GgufTarget = (typeof GGUF_TARGETS)[number];

export function isGgufTarget(name: string): name is GgufTarget {
  return (GGUF_TARGETS as readonly string[]).includes(name);
}

/** Choices a plan considers unless told otherwise: every quantized type, and F16 as the way out. */
export const DEFAULT_CHOICES: readonly GgufTarget[] = GGUF_TARGETS.filter((t) => t !== 'F32' && t !== 'BF16');

/** llama-quant.cpp `tensor_type_fallback`: what replaces a type whose block does not divide the row. */
const FALLBACK: Partial<Record<GgufTarget, GgufTarget>> = {
  Q2_K: 'Q4_0',
  Q3_K: 'Q4_0',
  Q4_K: 'Q5_0',
  Q5_K: 'Q5_1',
  Q6_K: 'Q8_0',
  IQ4_XS: 'IQ4_NL',
};

/** The type really stored when `wanted` is asked for a row of `columns` elements. */
export function storedType(wanted: GgufTarget, columns: number): GgufTarget {
  if (columns % dtypeInfo(wanted).blockElements === 0) return wanted;
  const next = FALLBACK[wanted];
  return next === undefined ? 'F16' : storedType(next, columns);
}

/** llama.cpp keeps these as they are: vectors, norms, biases, routers, positions and anything not a float matrix. */
const KEPT_ROLES: ReadonlySet<Role> = new Set<Role>(['norm', 'bias', 'router', 'position', 'convolution']);

export function isQuantizable(tensor: {
  dtype: DType;
  shape: readonly number[];
  role: Role;
  elements: number;
}): boolean {
  const kind = dtypeInfo(tensor.dtype).kind;
  if (kind !== 'float' && kind !== 'block' && kind !== 'packed') return false;
  return tensor.shape.length >= 2 && tensor.elements > 0 && !KEPT_ROLES.has(tensor.role);
}

/** Bytes of the tensor in the file without padding. */
export function targetBytes(type: GgufTarget, rows: number, columns: number): number {
  return rows * storedBytes(type, columns);
}

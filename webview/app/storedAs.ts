// How a tensor is stored, in words: its type, the scheme of packed ones, and the bits a weight really takes.

import type { TensorTable } from '../../core/protocol/objects.ts';
import { bitsPerWeight } from '../charts/numberFormat.ts';
import { visibleText } from '../charts/visibleText.ts';

type Stored = Pick<TensorTable, 'dtypes' | 'schemes' | 'bytes' | 'elements'>;

/** Stored bits of one element, scales and indices of packed tensors included; NaN for a tensor without elements. */
export function storedBits({ bytes, elements }: Pick<Stored, 'bytes' | 'elements'>, tensor: number): number {
  const count = elements[tensor] ?? 0;
  return count === 0 ? Number.NaN : (8 * (bytes[tensor] ?? 0)) / count;
}

/** "BF16", or for packed tensors "INT4 (GPTQ, 4 bit, groups of 128)". */
export function storedText(table: Stored, tensor: number): string {
  const scheme = table.schemes[tensor] ?? '';
  const dtype = table.dtypes[tensor] ?? '';
  return scheme === '' ? dtype : `${dtype} (${visibleText(scheme)})`;
}

/** "GPTQ, 4 bit, groups of 128 · 4.25 bits per weight"; null for tensors that are not packed. */
export function packedText(table: Stored, tensor: number): string | null {
  const scheme = table.schemes[tensor] ?? '';
  return scheme === '' ? null : `${visibleText(scheme)} · ${bitsPerWeight(storedBits(table, tensor))} bits per weight`;
}

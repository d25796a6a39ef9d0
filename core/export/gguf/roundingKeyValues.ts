// What a quantized file says of codes that were not chosen by their types' own quantizers. Readers pass over it.

import type { Rounding } from '../../quant/rounding/rounding.ts';
import { shortened } from './importanceKeyValues.ts';
import { type KeyValue, text, u32 } from './keyValues.ts';

export function roundingKeyValues(rounding: Rounding | undefined): KeyValue[] {
  if (rounding === undefined) return [];
  const { method, dataset, chunks, tensors } = rounding;
  return [
    text('quantize.rounding.method', method),
    text('quantize.rounding.dataset', shortened(dataset)),
    u32('quantize.rounding.entries_count', tensors),
    u32('quantize.rounding.chunks_count', chunks),
  ];
}

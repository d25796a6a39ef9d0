// What a quantized file says of the importance matrix it was made with, as llama.cpp's quantize writes it
// (src/llama-arch.cpp, `LLM_KV_QUANTIZE_IMATRIX_*`).

import type { Importance } from '../../quant/importance.ts';
import { type KeyValue, text, u32 } from './keyValues.ts';

/** llama.cpp keeps 127 bytes of each name. */
const MAX_TEXT_BYTES = 127;
/** In place of a file's name for a matrix that was measured and never written. */
const MEASURED = 'measured by Quantscope';

/** What the names of all of them begin with. */
export const IMPORTANCE_KEYS = 'quantize.imatrix.';

export function importanceKeyValues(importance: Importance): KeyValue[] {
  const { file, dataset, chunks } = importance.source ?? { file: importance.name, dataset: null, chunks: null };
  return [
    text('quantize.imatrix.file', shortened(file ?? MEASURED)),
    ...(dataset === null ? [] : [text('quantize.imatrix.dataset', shortened(dataset))]),
    u32('quantize.imatrix.entries_count', importance.tensors),
    ...(chunks === null || chunks <= 0 ? [] : [u32('quantize.imatrix.chunks_count', chunks)]),
  ];
}

/** Cut between characters. */
export function shortened(value: string): string {
  let short = value;
  while (Buffer.byteLength(short, 'utf8') > MAX_TEXT_BYTES) short = [...short].slice(0, -1).join('');
  return short;
}

// Worker task: elements of a tensor as float32, whole runs or chosen rows, for feeding a graph.

import { readElements } from '../decode/elements.ts';
import type { Task } from '../kernels/task.ts';
import type { TensorSource } from '../tensor/storage.ts';

export interface ValuesInput {
  readonly source: TensorSource;
  /** First element and count of consecutive ones; or rows, one after the other. */
  readonly wanted: { readonly first: number; readonly count: number } | { readonly rows: Uint32Array };
}

/** @throws FILE_TRUNCATED, FILE_UNREADABLE, CANCELLED */
export const loadValuesTask: Task<ValuesInput, Float32Array> = ({ source, wanted }, { kernels, checkpoint }) => {
  const read = (first: number, count: number): Float32Array =>
    kernels.arena.scoped(() => kernels.arena.f32(readElements(kernels, source, first, count), count).slice());
  checkpoint();
  if ('count' in wanted) return read(wanted.first, wanted.count);
  const out = new Float32Array(wanted.rows.length * source.columns);
  wanted.rows.forEach((row, i) => {
    if (i % 256 === 0) checkpoint();
    out.set(read(row * source.columns, source.columns), i * source.columns);
  });
  return out;
};

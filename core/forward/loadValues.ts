// Worker task: elements of a tensor as float32, whole runs or chosen rows, for feeding a graph.

import { loadInto } from '../decode/elements.ts';
import { decodeToF32 } from '../kernels/decode.ts';
import { encodeFromF32 } from '../kernels/encode.ts';
import type { Task } from '../kernels/task.ts';
import type { Kernels } from '../kernels/wasm.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import type { TensorSource } from '../tensor/storage.ts';

/** Bytes past the last element that vector loads may touch. */
const SLACK_BYTES = 64;

/** What a tensor is written as and read back from before it is used. */
export interface StoredAs {
  /** Divides the columns into whole blocks. */
  readonly type: GgufTarget;
  /** One weight per column for the quantizer; all 1 when left out. */
  readonly importance?: Float32Array | undefined;
}

export interface ValuesInput {
  readonly source: TensorSource;
  /** First element and count of consecutive ones; or rows, one after the other. */
  readonly wanted: { readonly first: number; readonly count: number } | { readonly rows: Uint32Array };
  /** Consecutive elements are whole rows then. */
  readonly storedAs?: StoredAs | undefined;
}

/** @throws FILE_TRUNCATED, FILE_UNREADABLE, CANCELLED, MEMORY_LIMIT */
export const loadValuesTask: Task<ValuesInput, Float32Array> = (input, { kernels, checkpoint }) => {
  const { source, wanted } = input;
  const { columns } = source;
  checkpoint();
  if ('count' in wanted) return read(input, kernels, wanted.first, wanted.count);
  const out = new Float32Array(wanted.rows.length * columns);
  wanted.rows.forEach((row, i) => {
    if (i % 256 === 0) checkpoint();
    out.set(read(input, kernels, row * columns, columns), i * columns);
  });
  return out;
};

function read({ source, storedAs }: ValuesInput, kernels: Kernels, first: number, count: number): Float32Array {
  const { arena } = kernels;
  return arena.scoped(() => {
    const values = arena.alloc(count * 4 + SLACK_BYTES);
    loadInto(kernels, source, first, count, values);
    if (storedAs !== undefined) roundTrip(storedAs, kernels, values, count / source.columns, source.columns);
    return arena.f32(values, count).slice();
  });
}

function roundTrip(
  { type, importance }: StoredAs,
  kernels: Kernels,
  values: number,
  rows: number,
  columns: number,
): void {
  const { arena } = kernels;
  const encoded = arena.alloc(rows * columns * 4 + SLACK_BYTES); // no target takes more than four bytes an element
  let weights = 0;
  if (importance !== undefined) {
    weights = arena.alloc(columns * 4 + SLACK_BYTES);
    arena.f32(weights, columns).set(importance);
  }
  encodeFromF32(kernels, type, values, encoded, rows, columns, weights);
  decodeToF32(kernels, type, encoded, values, rows * columns);
}

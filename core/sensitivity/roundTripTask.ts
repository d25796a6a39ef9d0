// Worker task: what a type leaves of some rows of a tensor.

import { loadInto } from '../decode/elements.ts';
import { decodeToF32 } from '../kernels/decode.ts';
import { encodeFromF32 } from '../kernels/encode.ts';
import type { Task } from '../kernels/task.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import type { TensorSource } from '../tensor/storage.ts';

/** Bytes past the last element that vector loads may touch. */
const SLACK_BYTES = 64;

export interface RoundTripInput {
  readonly source: TensorSource;
  readonly firstRow: number;
  readonly rows: number;
  /** Divides the columns into whole blocks. */
  readonly type: GgufTarget;
  /** Weights of the columns for the quantizer. */
  readonly importance?: Float32Array | undefined;
}

/** @returns rows × columns float32. @throws FILE_TRUNCATED, FILE_UNREADABLE, CANCELLED, MEMORY_LIMIT */
export const roundTripTask: Task<RoundTripInput, Float32Array> = (input, { kernels, checkpoint }) => {
  checkpoint();
  const { source, firstRow, rows, type, importance } = input;
  const { arena } = kernels;
  const elements = rows * source.columns;
  const values = arena.alloc(elements * 4 + SLACK_BYTES);
  const encoded = arena.alloc(elements * 4 + SLACK_BYTES);
  let weights = 0;
  if (importance !== undefined) {
    weights = arena.alloc(importance.length * 4 + SLACK_BYTES);
    arena.f32(weights, importance.length).set(importance);
  }
  loadInto(kernels, source, firstRow * source.columns, elements, values);
  encodeFromF32(kernels, type, values, encoded, rows, source.columns, weights);
  decodeToF32(kernels, type, encoded, values, elements);
  return arena.f32(values, elements).slice();
};

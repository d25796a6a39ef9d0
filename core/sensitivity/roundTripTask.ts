// Worker task: what a type leaves of some rows of a tensor, and how far that is from them.

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
  /** Weights of the columns, for the quantizer and for both sums. */
  readonly importance?: Float32Array | undefined;
}

export interface RoundTripOutput {
  /** rows × columns */
  readonly values: Float32Array;
  /** ‖W − Ŵ‖² and ‖W‖² over the rows (Σ w[c]·… with importance). */
  readonly noise: number;
  readonly signal: number;
}

/** @throws FILE_TRUNCATED, FILE_UNREADABLE, CANCELLED, MEMORY_LIMIT */
export const roundTripTask: Task<RoundTripInput, RoundTripOutput> = (input, { kernels, checkpoint }) => {
  checkpoint();
  const { source, firstRow, rows, type, importance } = input;
  const { columns } = source;
  const { arena, run } = kernels;
  const elements = rows * columns;
  const [values, encoded, restored] = [0, 0, 0].map(() => arena.alloc(elements * 4 + SLACK_BYTES)) as Pointers;
  let weights = 0;
  if (importance !== undefined) {
    weights = arena.alloc(columns * 4 + SLACK_BYTES);
    arena.f32(weights, columns).set(importance);
  }
  loadInto(kernels, source, firstRow * columns, elements, values);
  encodeFromF32(kernels, type, values, encoded, rows, columns, weights);
  decodeToF32(kernels, type, encoded, restored, elements);
  return {
    values: arena.f32(restored, elements).slice(),
    ...(weights === 0
      ? { noise: run.squaredError(values, restored, elements), signal: run.sumOfSquares(values, elements) }
      : {
          noise: run.weightedError(values, restored, weights, rows, columns),
          signal: run.weightedSquares(values, weights, rows, columns),
        }),
  };
};

type Pointers = [values: number, encoded: number, restored: number];

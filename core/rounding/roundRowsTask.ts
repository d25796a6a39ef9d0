// Worker task: some rows of a tensor as blocks of a GGUF type, their codes chosen by GPTQ.

import { QuantscopeError } from '../base/errors.ts';
import { loadInto } from '../decode/elements.ts';
import type { Task } from '../kernels/task.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import { roundRowsOnWasm } from '../quant/gptq/roundRowsWasm.ts';
import { BlockLevels } from '../quant/rounding/blockLevels.ts';
import type { TensorSource } from '../tensor/storage.ts';

/** Bytes past the last element that vector loads may touch. */
const SLACK_BYTES = 64;

export interface RoundRows {
  readonly name: string;
  readonly source: TensorSource;
  readonly firstRow: number;
  readonly rows: number;
  readonly columns: number;
  readonly type: GgufTarget;
  /** [columns, columns]: see `feedbackOf`. */
  readonly factor: SharedArrayBuffer;
  /** One per column, for the choice of scales. */
  readonly weights: Float32Array;
}

/** @throws NON_FINITE naming tensor and element, FILE_TRUNCATED, FILE_UNREADABLE, MEMORY_LIMIT, CANCELLED */
export const roundRowsTask: Task<RoundRows, Uint8Array> = (input, { kernels, checkpoint }) => {
  const { source, firstRow, rows, columns, type, weights } = input;
  const { arena } = kernels;
  const values = arena.scoped(() => {
    const at = arena.alloc(rows * columns * 4 + SLACK_BYTES);
    loadInto(kernels, source, firstRow * columns, rows * columns, at);
    return arena.f32(at, rows * columns).slice();
  });
  refuseNonFinite(values, input);
  const order = Uint32Array.from({ length: columns }, (_, i) => i);
  const factor = new Float64Array(input.factor);
  const levels = new BlockLevels(kernels, { type, rows, columns }, weights);
  roundRowsOnWasm(kernels, { values, rows, columns }, { order, factor }, levels, checkpoint);
  return levels.bytes;
};

function refuseNonFinite(values: Float32Array, { name, firstRow, columns }: RoundRows): void {
  const found = values.findIndex((value) => !Number.isFinite(value));
  if (found < 0) return;
  const kind = Number.isNaN(values[found]) ? 'NaN' : 'infinite';
  throw new QuantscopeError(
    'NON_FINITE',
    `${name}: element ${firstRow * columns + found} is ${kind}, only finite weights can be quantized`,
  );
}

// Worker task: some rows of an original and an exported tensor, decoded and compared in float64.

import { QuantscopeError } from '../../base/errors.ts';
import { loadInto } from '../../decode/elements.ts';
import { readStoredBytes } from '../../decode/storedBytes.ts';
import { canDecode } from '../../kernels/decode.ts';
import type { Task } from '../../kernels/task.ts';
import type { Kernels } from '../../kernels/wasm.ts';
import { storedBytes } from '../../tensor/dtype.ts';
import type { TensorSource } from '../../tensor/storage.ts';
import { interleaveRows } from '../rowPermutation.ts';

export interface CompareSide {
  readonly source: TensorSource;
  /** Rows of one head to interleave before comparing; 0 = as they are. */
  readonly headRows: number;
}

export interface CompareRows {
  readonly name: string;
  readonly original: CompareSide;
  readonly exported: CompareSide;
  readonly columns: number;
  readonly firstRow: number;
  readonly rows: number;
}

export interface RowsCompared {
  /** Σ (a − b)² and Σ a² over elements finite on both sides. */
  readonly noise: number;
  readonly signal: number;
  readonly maxError: number;
  /** Elements the original has finite and the export has not. */
  readonly broken: number;
  /** Elements that differ in any way; NaN equals NaN. */
  readonly different: number;
}

/** @throws DTYPE_UNKNOWN for types without real values that differ in dtype, FILE_TRUNCATED, FILE_UNREADABLE */
export const compareTensor: Task<CompareRows, RowsCompared> = (input, { kernels, checkpoint }) => {
  checkpoint();
  return canDecode(input.original.source.dtype) && canDecode(input.exported.source.dtype)
    ? compareValues(values(input, input.original, kernels), values(input, input.exported, kernels))
    : compareBytes(input);
};

/** A copy outside the arena: the other side's decoding may move it. */
function values(
  { firstRow, rows, columns }: CompareRows,
  { source, headRows }: CompareSide,
  kernels: Kernels,
): Float32Array {
  const { arena } = kernels;
  const elements = rows * columns;
  return arena.scoped(() => {
    const loaded = arena.alloc(elements * 4);
    loadInto(kernels, source, firstRow * columns, elements, loaded);
    const found = arena.f32(loaded, elements);
    if (headRows === 0) return found.slice();
    const ordered = new Float32Array(elements);
    interleaveRows(arena.u8(loaded, elements * 4), new Uint8Array(ordered.buffer), columns * 4, headRows);
    return ordered;
  });
}

function compareValues(a: Float32Array, b: Float32Array): RowsCompared {
  let noise = 0;
  let signal = 0;
  let maxError = 0;
  let broken = 0;
  let different = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    const error = x - y;
    if (error !== 0 && !Object.is(x, y)) different++;
    if (!Number.isFinite(error)) {
      if (Number.isFinite(x)) broken++;
      continue;
    }
    noise += error * error;
    signal += x * x;
    maxError = Math.max(maxError, Math.abs(error));
  }
  return { noise, signal, maxError, broken, different };
}

function compareBytes({ name, original, exported, columns, firstRow, rows }: CompareRows): RowsCompared {
  const [a, b] = [original.source, exported.source];
  if (a.dtype !== b.dtype)
    throw new QuantscopeError('DTYPE_UNKNOWN', `${name}: ${a.dtype} and ${b.dtype} cannot be compared`);
  const [bytes, others] = [a, b].map((source) => {
    const out = new Uint8Array(storedBytes(source.dtype, rows * columns));
    readStoredBytes(source, firstRow * columns, rows * columns, out);
    return Buffer.from(out.buffer);
  });
  const same = bytes !== undefined && others !== undefined && bytes.equals(others);
  return { noise: 0, signal: 0, maxError: same ? 0 : Number.POSITIVE_INFINITY, broken: 0, different: same ? 0 : 1 };
}

// Worker task: some rows of an original and an exported tensor, decoded and compared in float64.

import { QuantscopeError } from '../../base/errors.ts';
import { readInto } from '../../io/fileReader.ts';
import { canDecode, decodeToF32 } from '../../kernels/decode.ts';
import type { Task } from '../../kernels/task.ts';
import type { Kernels } from '../../kernels/wasm.ts';
import { type DType, storedBytes } from '../../tensor/dtype.ts';
import { interleaveRows } from '../rowPermutation.ts';

export interface CompareSide {
  readonly path: string;
  /** Absolute byte offset of the tensor in the file. */
  readonly offset: number;
  readonly dtype: DType;
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
  return canDecode(input.original.dtype) && canDecode(input.exported.dtype)
    ? compareValues(values(input, input.original, kernels), values(input, input.exported, kernels))
    : compareBytes(input);
};

/** A copy outside the arena: the other side's decoding may move it. */
function values(input: CompareRows, side: CompareSide, kernels: Kernels): Float32Array {
  const { arena } = kernels;
  const elements = input.rows * input.columns;
  return arena.scoped(() => {
    const stored = storedBytes(side.dtype, elements);
    const source = arena.alloc(stored);
    const spare = side.headRows === 0 ? source : arena.alloc(stored);
    const decoded = arena.alloc(elements * 4);
    const rowBytes = storedBytes(side.dtype, input.columns);
    readInto(side.path, side.offset + input.firstRow * rowBytes, arena.u8(spare, stored));
    if (side.headRows !== 0) interleaveRows(arena.u8(spare, stored), arena.u8(source, stored), rowBytes, side.headRows);
    decodeToF32(kernels, side.dtype, source, decoded, elements);
    return arena.f32(decoded, elements).slice();
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
  if (original.dtype !== exported.dtype)
    throw new QuantscopeError('DTYPE_UNKNOWN', `${name}: ${original.dtype} and ${exported.dtype} cannot be compared`);
  const rowBytes = storedBytes(original.dtype, columns);
  const [a, b] = [original, exported].map((side) => {
    const bytes = Buffer.alloc(rows * rowBytes);
    readInto(side.path, side.offset + firstRow * rowBytes, bytes);
    return bytes;
  });
  const same = a !== undefined && b !== undefined && a.equals(b);
  return { noise: 0, signal: 0, maxError: same ? 0 : Number.POSITIVE_INFINITY, broken: 0, different: same ? 0 : 1 };
}

// The values of one row or one column. Longer ones than a view can draw keep the largest of each group of neighbours.

import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { tensorAt, tensorSource } from '../checkpoint/tensorSource.ts';
import { readElements, readWindow } from '../decode/elements.ts';
import { canDecode } from '../kernels/decode.ts';
import type { Pool } from '../kernels/pool.ts';
import type { TaskContext } from '../kernels/task.ts';
import { dtypeInfo } from '../tensor/dtype.ts';
import type { TensorSource } from '../tensor/storage.ts';

export interface ChannelOptions {
  readonly tensor: number;
  readonly axis: 'row' | 'column';
  readonly index: number;
  readonly signal?: AbortSignal | undefined;
}

/** Longest answer. */
export const MAX_CHANNEL_VALUES = 65536;
const CHUNK_ELEMENTS = 1 << 18;
/** Rows shorter than this are read whole: one long read beats many short ones. */
const STREAMED_ROW_BYTES = 4096;
/** Rows of a column of a described tensor between two looks at the cancel flag. */
const WINDOW_ROWS = 4096;

interface ChannelInput extends Omit<ChannelOptions, 'tensor' | 'signal'> {
  readonly source: TensorSource;
}

/**
 * @returns at most 65,536 values; of n > 65,536 every entry is the signed value of largest magnitude among
 * ⌈n / 65,536⌉ neighbours (NaN where one is)
 * @throws SHAPE_INVALID, DTYPE_UNKNOWN for complex tensors, CANCELLED, FILE_TRUNCATED
 */
export async function readChannel(
  checkpoint: Checkpoint,
  pool: Pool,
  options: ChannelOptions,
): Promise<Float32Array<ArrayBuffer>> {
  const tensor = tensorAt(checkpoint, options.tensor);
  const source = tensorSource(checkpoint, options.tensor);
  if (!canDecode(source.dtype))
    throw new QuantscopeError(
      'DTYPE_UNKNOWN',
      `${tensor.name}: ${source.dtype} elements cannot be read as real numbers`,
    );
  const { axis, index, signal } = options;
  const length = axis === 'row' ? source.rows : source.columns;
  if (!(Number.isInteger(index) && index >= 0 && index < length))
    throw new QuantscopeError('SHAPE_INVALID', `${tensor.name}: ${axis} ${index} wanted, the tensor has ${length}`);
  return pool.run<Float32Array<ArrayBuffer>>('channel', { source, axis, index } satisfies ChannelInput, { signal });
}

/** Task `channel`. */
export function channelTask({ source, axis, index }: ChannelInput, context: TaskContext): Float32Array {
  const length = axis === 'row' ? source.columns : source.rows;
  const group = Math.ceil(length / MAX_CHANNEL_VALUES);
  const out = new Float32Array(Math.ceil(length / group));
  const keep = (i: number, value: number): void => {
    const at = Math.floor(i / group);
    const known = out[at] ?? 0;
    if (i % group === 0 || Number.isNaN(value) || Math.abs(value) > Math.abs(known)) out[at] = value;
  };
  if (axis === 'row') readRow(source, index, context, keep);
  else readColumn(source, index, context, keep);
  return out;
}

function readRow(
  source: TensorSource,
  row: number,
  context: TaskContext,
  keep: (i: number, value: number) => void,
): void {
  const { arena } = context.kernels;
  for (let column = 0; column < source.columns; column += CHUNK_ELEMENTS) {
    context.checkpoint();
    const count = Math.min(CHUNK_ELEMENTS, source.columns - column);
    arena.scoped(() => {
      const values = readElements(context.kernels, source, row * source.columns + column, count);
      arena.f32(values, count).forEach((value, i) => {
        keep(column + i, value);
      });
    });
  }
}

function readColumn(
  source: TensorSource,
  column: number,
  context: TaskContext,
  keep: (i: number, value: number) => void,
): void {
  const { arena } = context.kernels;
  const { rows, columns } = source;
  if (source.storage !== undefined) {
    readColumnWindows(source, column, context, keep);
    return;
  }
  const { blockBytes, blockElements } = dtypeInfo(source.dtype);
  const streamed = (columns / blockElements) * blockBytes < STREAMED_ROW_BYTES;
  const together = streamed ? Math.max(1, Math.floor(CHUNK_ELEMENTS / columns)) : 1;
  for (let row = 0; row < rows; row += together) {
    if (streamed || row % 1024 === 0) context.checkpoint();
    const count = Math.min(together, rows - row);
    arena.scoped(() => {
      const run = (count - 1) * columns + 1;
      const values = arena.f32(readElements(context.kernels, source, row * columns + column, run), run);
      for (let i = 0; i < count; i++) keep(row + i, values[i * columns] ?? 0);
    });
  }
}

/** Where elements of a row need not lie together, reading them as a row buys nothing: the column is a narrow window. */
function readColumnWindows(
  source: TensorSource,
  column: number,
  context: TaskContext,
  keep: (i: number, value: number) => void,
): void {
  const { arena } = context.kernels;
  for (let row = 0; row < source.rows; row += WINDOW_ROWS) {
    context.checkpoint();
    const count = Math.min(WINDOW_ROWS, source.rows - row);
    arena.scoped(() => {
      const values = readWindow(context.kernels, source, row, count, column, 1);
      arena.f32(values, count).forEach((value, i) => {
        keep(row + i, value);
      });
    });
  }
}

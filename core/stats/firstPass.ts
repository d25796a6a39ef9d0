// The first pass over one part of a tensor, inside a worker: sums, counts, row figures and column sums.

import { loadInto, readElements, readStored, readWindow, storedRange } from '../decode/elements.ts';
import { decodeToF32 } from '../kernels/decode.ts';
import { type Moments, mergeMoments, NO_MOMENTS } from '../kernels/moments.ts';
import type { TaskContext } from '../kernels/task.ts';
import type { TensorSource } from '../tensor/storage.ts';
import {
  CHANNEL_NUMBERS,
  type ChannelFigures,
  finishColumns,
  keepLargest,
  momentsAt,
  noChannels,
} from './channelFigures.ts';
import { addLooks, type Look, NO_LOOK } from './figures.ts';
import { chunkRows, chunkVector, type Layout, type Rect, STRIP_COLUMNS, TILE_ROWS } from './layout.ts';

/** Figures of one part; typed arrays move between threads without copying. */
export interface FirstPart {
  /** Null where patterns were counted: the counts hold it all. */
  look: Look | null;
  counts: Float64Array | null;
  moments: Moments;
  /** Finished rows, pooled; null where a part holds less than whole rows. */
  rows: ChannelFigures | null;
  /** Six numbers per row (n, mean, M2, M3, M4, |x|max) where a part holds a window of columns only. */
  rowState: Float64Array | null;
  /** Six arrays of one number per column, to be merged; null where the part finished its columns. */
  columnState: Float64Array | null;
  columns: ChannelFigures | null;
}

const SCRATCH_BYTES = 12288;

/**
 * @param keep pointer to room for the part's float32 elements, which stay there for the second look, or 0
 * @throws CANCELLED, FILE_TRUNCATED
 */
export function firstPass(
  context: TaskContext,
  source: TensorSource,
  layout: Layout,
  part: Rect,
  keep: number,
): FirstPart {
  const pass = new Pass(context, source, layout, part, keep);
  if (layout.kind === 'vector') pass.vector();
  else if (layout.kind === 'rows') pass.rowsOf();
  else pass.window();
  return pass.finish();
}

class Pass {
  readonly #context: TaskContext;
  readonly #source: TensorSource;
  readonly #layout: Layout;
  readonly #part: Rect;
  readonly #keep: number;
  readonly #width: number;
  readonly #padded: number;
  readonly #tables: number;
  readonly #look: number;
  readonly #scratch: number;
  readonly #columnState: number;
  readonly #rowState: number;
  #moments: Moments = NO_MOMENTS;
  #rows: FirstPart['rows'] = null;
  #wholeRowState: Float64Array | null = null;
  #columns: FirstPart['columns'] = null;

  constructor(context: TaskContext, source: TensorSource, layout: Layout, part: Rect, keep: number) {
    const { arena } = context.kernels;
    this.#context = context;
    this.#source = source;
    this.#layout = layout;
    this.#part = part;
    this.#keep = keep;
    this.#width = part.column1 - part.column0;
    const tracked = layout.kind === 'vector' ? STRIP_COLUMNS : this.#width;
    this.#padded = Math.ceil(tracked / 4) * 4;
    this.#tables = arena.alloc(layout.patterns * 16);
    this.#look = arena.alloc(64);
    this.#scratch = arena.alloc(SCRATCH_BYTES + 64);
    this.#columnState = arena.alloc(this.#padded * 8 * CHANNEL_NUMBERS);
    this.#rowState = arena.alloc(this.#rowsAtOnce() * 8 * CHANNEL_NUMBERS);
    arena.u8(this.#tables, layout.patterns * 16).fill(0);
    arena.f64(this.#columnState, this.#padded * CHANNEL_NUMBERS).fill(0);
    arena.f64(this.#look, 8).set([0, 0, Infinity, -Infinity, 0, 0, 0, 0]);
  }

  #rowsAtOnce(): number {
    return this.#layout.kind === 'vector' ? chunkVector() / STRIP_COLUMNS : chunkRows(this.#width);
  }

  /** A 1-D tensor: 512 elements at a time stand in for rows; the pooled |x|max of its elements is the column profile. */
  vector(): void {
    const { column0, column1 } = this.#part;
    const group = this.#layout.columnGroup;
    const absMax = new Float32Array(Math.ceil(this.#width / group));
    const { kernels } = this.#context;
    for (let at = column0; at < column1; at += chunkVector()) {
      this.#context.checkpoint();
      const count = Math.min(chunkVector(), column1 - at);
      kernels.arena.scoped(() => {
        const values = this.#load(at, count);
        const wholeRows = Math.floor(count / STRIP_COLUMNS);
        const rest = count - wholeRows * STRIP_COLUMNS;
        this.#momentsOf(values, wholeRows, STRIP_COLUMNS, STRIP_COLUMNS * 4);
        this.#collectVector(wholeRows);
        this.#momentsOf(values + wholeRows * STRIP_COLUMNS * 4, rest === 0 ? 0 : 1, rest, rest * 4);
        this.#collectVector(rest === 0 ? 0 : 1);
        pool(kernels.arena.f32(values, count), group, absMax, (at - column0) / group);
      });
    }
    // One element has no spread.
    this.#columns = { absMax, kurtosis: new Float32Array(absMax.length).fill(NaN) };
  }

  /** A run of whole rows. */
  rowsOf(): void {
    const { row0, row1 } = this.#part;
    const { arena } = this.#context.kernels;
    const group = this.#layout.rowGroup;
    const length = Math.ceil((row1 - row0) / group);
    const rows = noChannels(length);
    const step = chunkRows(this.#width);
    const bf16 = this.#source.dtype === 'BF16' && this.#layout.patterns > 0;
    for (let row = row0; row < row1; row += step) {
      this.#context.checkpoint();
      const count = Math.min(step, row1 - row);
      arena.scoped(() => {
        const values = this.#load(row * this.#width, count * this.#width, bf16);
        this.#momentsOf(values, count, this.#width, this.#width * (bf16 ? 2 : 4), bf16);
      });
      const state = arena.f64(this.#rowState, count * CHANNEL_NUMBERS);
      this.#collectRows(state, count, rows, row - row0);
    }
    this.#rows = rows;
  }

  /** All rows of a window of columns, of a matrix too wide to track at once. */
  window(): void {
    const { row1, column0 } = this.#part;
    const { arena } = this.#context.kernels;
    const state = new Float64Array(row1 * CHANNEL_NUMBERS);
    const step = chunkRows(this.#width);
    for (let row = 0; row < row1; row += step) {
      this.#context.checkpoint();
      const count = Math.min(step, row1 - row);
      arena.scoped(() => {
        const values = readWindow(this.#context.kernels, this.#source, row, count, column0, this.#width);
        this.#context.kernels.run.firstLook(values, count * this.#width, this.#look);
        this.#momentsOf(values, count, this.#width, this.#width * 4);
      });
      state.set(arena.f64(this.#rowState, count * CHANNEL_NUMBERS), row * CHANNEL_NUMBERS);
    }
    this.#wholeRowState = state;
    this.#columns = finishColumns(
      arena.f64(this.#columnState, this.#padded * CHANNEL_NUMBERS),
      this.#width,
      this.#layout.columnGroup,
    );
  }

  finish(): FirstPart {
    const { arena } = this.#context.kernels;
    const counted = this.#layout.patterns > 0;
    const ownColumns = this.#columns !== null;
    return {
      look: counted ? null : lookAt(arena.f64(this.#look, 8)),
      counts: counted ? addTables(arena.u32(this.#tables, this.#layout.patterns * 4)) : null,
      moments: this.#moments,
      rows: this.#rows,
      rowState: this.#wholeRowState,
      columnState: ownColumns
        ? null
        : compact(arena.f64(this.#columnState, this.#padded * CHANNEL_NUMBERS), this.#width),
      columns: this.#columns,
    };
  }

  /** Consecutive elements: counted or looked at, and given back as float32; or as stored, yet to be counted. */
  #load(first: number, count: number, asStored = false): number {
    const { kernels } = this.#context;
    const { run } = kernels;
    const { patterns } = this.#layout;
    if (patterns > 0) {
      const range = storedRange(this.#source.dtype, first, count);
      const stored = readStored(kernels, this.#source, range.at, range.bytes);
      if (asStored) return stored;
      if (patterns === 256) run.countPatterns8(stored, count, this.#tables);
      else run.countPatterns16(stored, count, this.#tables);
      const values = kernels.arena.alloc(count * 4 + 64);
      decodeToF32(kernels, this.#source.dtype, stored, values, count);
      return values;
    }
    let values: number;
    if (this.#keep === 0) {
      values = readElements(kernels, this.#source, first, count);
    } else {
      const origin = this.#part.row0 * this.#source.columns + this.#part.column0;
      values = this.#keep + (first - origin) * 4;
      loadInto(kernels, this.#source, first, count, values);
    }
    run.firstLook(values, count, this.#look);
    return values;
  }

  #momentsOf(values: number, rows: number, columns: number, stride: number, bf16 = false): void {
    const { run, arena } = this.#context.kernels;
    arena.f64(this.#rowState, rows * CHANNEL_NUMBERS).fill(0);
    const size = bf16 ? 2 : 4;
    for (let row = 0; row < rows; row += TILE_ROWS) {
      const height = Math.min(TILE_ROWS, rows - row);
      for (let column = 0; column < columns; column += STRIP_COLUMNS) {
        const at = values + row * stride + column * size;
        const width = Math.min(STRIP_COLUMNS, columns - column);
        const rowState = this.#rowState + row * 8 * CHANNEL_NUMBERS;
        const columnState = this.#columnState + column * 8;
        const [step, scratch] = [this.#padded * 8, this.#scratch];
        if (bf16) run.countedMomentsBF16(at, stride, height, width, rowState, columnState, step, scratch, this.#tables);
        else run.momentsF32(at, stride, height, width, rowState, columnState, step, scratch);
      }
    }
  }

  #collectVector(rows: number): void {
    const state = this.#context.kernels.arena.f64(this.#rowState, rows * CHANNEL_NUMBERS);
    for (let row = 0; row < rows; row++) this.#moments = mergeMoments(this.#moments, momentsAt(state, row));
  }

  #collectRows(state: Float64Array, count: number, rows: ChannelFigures, first: number): void {
    const counted = this.#layout.patterns > 0;
    for (let row = 0; row < count; row++) {
      const moments = momentsAt(state, row);
      if (!counted) this.#moments = mergeMoments(this.#moments, moments);
      keepLargest(
        rows,
        Math.floor((first + row) / this.#layout.rowGroup),
        moments,
        state[row * CHANNEL_NUMBERS + 5] ?? 0,
      );
    }
  }
}

function lookAt(out: Float64Array): Look {
  const [sum, absSum, min, max, zeros, nan, positiveInfinities, negativeInfinities] = out as unknown as readonly [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return addLooks(NO_LOOK, {
    sum,
    absSum,
    min: min + 0,
    max: max + 0,
    zeros,
    nan,
    positiveInfinities,
    negativeInfinities,
  });
}

/** Four interleaved tables as one. */
function addTables(tables: Uint32Array): Float64Array {
  const patterns = tables.length / 4;
  const counts = new Float64Array(patterns);
  for (let i = 0; i < patterns; i++)
    counts[i] =
      (tables[i] ?? 0) +
      (tables[i + patterns] ?? 0) +
      (tables[i + 2 * patterns] ?? 0) +
      (tables[i + 3 * patterns] ?? 0);
  return counts;
}

function compact(state: Float64Array, columns: number): Float64Array {
  const padded = state.length / CHANNEL_NUMBERS;
  const out = new Float64Array(columns * CHANNEL_NUMBERS);
  for (let k = 0; k < CHANNEL_NUMBERS; k++) out.set(state.subarray(k * padded, k * padded + columns), k * columns);
  return out;
}

function pool(values: Float32Array, group: number, into: Float32Array, first: number): void {
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i] ?? 0);
    const at = first + Math.floor(i / group);
    if (magnitude < Infinity && magnitude > (into[at] ?? 0)) into[at] = magnitude;
  }
}

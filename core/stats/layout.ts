// How a tensor is cut for the statistics pass. Cuts depend on the tensor alone, never on the number of threads, so that
// partial results always merge in the same order and to the same digits.

import type { TensorSource } from '../tensor/storage.ts';
import { patternsToCount } from './patternCounts.ts';

/** Rows a kernel sums in float32 before it goes to float64, and columns of a strip. */
export const TILE_ROWS = 128;
export const STRIP_COLUMNS = 512;
/** Tensors up to this size are one task: 64 MB of float32 stay in scratch for the second look. */
export const WHOLE_ELEMENTS = 1 << 24;
/** Elements of one task of a larger tensor: some 20 ms of work, so that cancelling is quick. */
const PART_ELEMENTS = 1 << 24;
/** A chunk is read, decoded and summed while it is in the second-level cache. */
const CHUNK_ELEMENTS = 1 << 18;
/** More columns than this are taken a window at a time: column sums need 48 bytes each. */
const MAX_TRACKED_COLUMNS = 1 << 18;
const WINDOW_COLUMNS = 1 << 16;
/** Longest stored row or column profile; longer ones keep the largest of each group of neighbours. */
export const MAX_PROFILE = 65536;

export interface Rect {
  readonly row0: number;
  readonly row1: number;
  readonly column0: number;
  readonly column1: number;
}

export interface Layout {
  readonly kind: 'empty' | 'vector' | 'rows' | 'windows';
  readonly parts: readonly Rect[];
  /** Patterns to count, or 0 for two looks at float32. */
  readonly patterns: number;
  /** Elements per entry of a stored profile. */
  readonly rowGroup: number;
  readonly columnGroup: number;
}

export function layoutOf(source: TensorSource): Layout {
  const { rows, columns } = source;
  const elements = rows * columns;
  const rowGroup = groupSize(rows);
  const columnGroup = groupSize(columns);
  if (elements === 0) return { kind: 'empty', parts: [], patterns: 0, rowGroup, columnGroup };
  const patterns = patternsToCount(source);
  const whole = elements <= WHOLE_ELEMENTS;
  if (rows === 1) {
    const step = whole ? columns : Math.max(PART_ELEMENTS, columnGroup);
    return { kind: 'vector', parts: cut(columns, step, (a, b) => rect(0, 1, a, b)), patterns, rowGroup, columnGroup };
  }
  if (columns <= MAX_TRACKED_COLUMNS) {
    const unit = Math.max(TILE_ROWS, rowGroup);
    const step = whole ? rows : Math.max(1, Math.floor(PART_ELEMENTS / columns / unit)) * unit;
    const parts = cut(rows, step, (a, b) => rect(a, b, 0, columns));
    return { kind: 'rows', parts, patterns, rowGroup, columnGroup };
  }
  const step = Math.max(WINDOW_COLUMNS, columnGroup);
  const parts = cut(columns, step, (a, b) => rect(0, rows, a, b));
  return { kind: 'windows', parts, patterns: 0, rowGroup, columnGroup };
}

/** Rows read at a time: whole tiles while they fit the chunk. */
export function chunkRows(columns: number): number {
  const tiles = Math.floor(CHUNK_ELEMENTS / columns / TILE_ROWS);
  if (tiles >= 1) return tiles * TILE_ROWS;
  return Math.max(1, Math.min(TILE_ROWS, Math.floor((CHUNK_ELEMENTS * 4) / columns)));
}

/** Elements of a vector read at a time: whole blocks of every dtype and whole strips. */
export function chunkVector(): number {
  return CHUNK_ELEMENTS;
}

/** A power of two, so that groups divide parts. */
function groupSize(length: number): number {
  let size = 1;
  while (length / size > MAX_PROFILE) size *= 2;
  return size;
}

function rect(row0: number, row1: number, column0: number, column1: number): Rect {
  return { row0, row1, column0, column1 };
}

function cut(length: number, step: number, make: (from: number, to: number) => Rect): Rect[] {
  const parts: Rect[] = [];
  for (let at = 0; at < length; at += step) parts.push(make(at, Math.min(length, at + step)));
  return parts;
}

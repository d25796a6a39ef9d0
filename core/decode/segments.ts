// Columns of a window cut where any group of columns ends: inside a segment all scales are the same.

import { QuantscopeError } from '../base/errors.ts';
import type { Grouped, PackedMatrix } from '../tensor/storage.ts';
import type { FilePaths } from './extent.ts';
import { readItems } from './items.ts';
import type { Rect } from './rect.ts';

/** Sets of columns that share all scales: runs of neighbours, or the listed groups themselves where those are mixed. */
export interface Segments {
  readonly count: number;
  /** Some column of each segment, in the matrix. */
  readonly column: Float64Array;
  /** Listed group of each segment; empty where no group is listed. */
  readonly listed: Int32Array;
  /** Segment of each column of the window. */
  readonly of: Int32Array;
  /** Ends of the segments, counted from the window's first column; null where they are mixed or too short for loops. */
  readonly ends: Int32Array | null;
}

/** Runs shorter than this on average are not worth a loop each. */
const SHORTEST_RUN = 8;

/** All parts of a matrix that come by groups. */
export function groupedParts({ zero, factors, bias }: PackedMatrix): Grouped[] {
  return [zero, ...factors, bias].filter((part) => typeof part === 'object');
}

/** @throws PACKING_INVALID for a listed group no scales exist for, and what reading throws */
export function segmentsOf(files: FilePaths, matrix: PackedMatrix, { column0, column1 }: Rect): Segments {
  const parts = groupedParts(matrix);
  const sizes = [...new Set(parts.map(({ columnGroup }) => columnGroup))].filter((size) =>
    Number.isFinite(size),
  ) as number[];
  if (sizes.some((size) => size < 1)) throw new QuantscopeError('PACKING_INVALID', 'a group of less than one column');
  const width = column1 - column0;
  const list = parts.some(({ columnGroup }) => columnGroup === 'listed')
    ? listedGroups(files, matrix, parts, column0, column1)
    : null;
  const of = new Int32Array(width);
  if (list === null && sizes.includes(1)) return everyColumn(column0, width);
  const starts: number[] = [];
  const ends: number[] = [];
  for (let column = column0; column < column1; ) {
    let end = column1;
    for (const size of sizes) end = Math.min(end, (Math.floor(column / size) + 1) * size);
    if (list !== null) {
      const group = list.of[column - column0];
      let same = column + 1;
      while (same < end && list.of[same - column0] === group) same++;
      end = same;
    }
    of.fill(ends.length, column - column0, end - column0);
    starts.push(column);
    ends.push(end - column0);
    column = end;
  }
  if (list !== null && sizes.length === 0 && ends.length > list.groups) return mixed(list, column0);
  return {
    count: ends.length,
    column: Float64Array.from(starts),
    listed: Int32Array.from(list === null ? [] : starts, (column) => list?.of[column - column0] ?? 0),
    of,
    ends: ends.length * SHORTEST_RUN <= width ? Int32Array.from(ends) : null,
  };
}

/** Scales of their own for every column. */
function everyColumn(column0: number, width: number): Segments {
  const column = new Float64Array(width);
  const of = new Int32Array(width);
  for (let i = 0; i < width; i++) {
    column[i] = column0 + i;
    of[i] = i;
  }
  return { count: width, column, listed: new Int32Array(), of, ends: null };
}

/** Columns in activation order: each group is a segment, wherever its columns are. */
function mixed({ of, groups }: ListedGroups, column0: number): Segments {
  return {
    count: groups,
    column: new Float64Array(groups).fill(column0),
    listed: Int32Array.from({ length: groups }, (_, group) => group),
    of,
    ends: null,
  };
}

interface ListedGroups {
  /** Group of each column of the window. */
  readonly of: Int32Array;
  readonly groups: number;
}

function listedGroups(
  files: FilePaths,
  { columnGroups, columns }: PackedMatrix,
  parts: readonly Grouped[],
  column0: number,
  column1: number,
): ListedGroups {
  if (columnGroups === undefined)
    throw new QuantscopeError('PACKING_INVALID', 'groups are to be listed, no list is there');
  const limit = Math.min(...parts.filter((part) => part.columnGroup === 'listed').map(({ matrix }) => matrix.columns));
  if (limit > columns) throw new QuantscopeError('PACKING_INVALID', `${limit} groups for ${columns} columns`);
  const { bytes, origin } = readItems(files, columnGroups, 4, 0, [
    { size: columns, stride: 1, from: column0, to: column1 },
  ]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const of = Int32Array.from({ length: column1 - column0 }, (_, i) => {
    const group = view.getInt32((origin + column0 + i) * 4, true);
    if (group < 0 || group >= limit)
      throw new QuantscopeError('PACKING_INVALID', `column ${column0 + i} is in group ${group}, there are ${limit}`);
    return group;
  });
  return { of, groups: limit };
}

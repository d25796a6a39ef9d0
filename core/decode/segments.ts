// Columns of a window cut where any group of columns ends: inside a segment all scales are the same.

import { QuantscopeError } from '../base/errors.ts';
import type { Grouped, PackedMatrix } from '../tensor/storage.ts';
import type { FilePaths } from './extent.ts';
import { readItems } from './items.ts';
import type { Rect } from './rect.ts';

export interface Segments {
  /** First column of the window, in the matrix. */
  readonly column0: number;
  /** Ends of the segments, counted from the window's first column. */
  readonly ends: Int32Array;
  /** Segment of each column of the window. */
  readonly of: Int32Array;
  /** Listed group of each segment; empty where no group is listed. */
  readonly listed: Int32Array;
}

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
  const groups = parts.some(({ columnGroup }) => columnGroup === 'listed')
    ? listedGroups(files, matrix, parts, column0, column1)
    : null;
  const of = new Int32Array(column1 - column0);
  const ends: number[] = [];
  const listed: number[] = [];
  for (let column = column0; column < column1; ) {
    let end = column1;
    for (const size of sizes) end = Math.min(end, (Math.floor(column / size) + 1) * size);
    if (groups !== null) {
      const group = groups[column - column0] as number;
      listed.push(group);
      let same = column + 1;
      while (same < end && groups[same - column0] === group) same++;
      end = same;
    }
    of.fill(ends.length, column - column0, end - column0);
    ends.push(end - column0);
    column = end;
  }
  return { column0, ends: Int32Array.from(ends), of, listed: Int32Array.from(listed) };
}

function listedGroups(
  files: FilePaths,
  { columnGroups, columns }: PackedMatrix,
  parts: readonly Grouped[],
  column0: number,
  column1: number,
): Int32Array {
  if (columnGroups === undefined)
    throw new QuantscopeError('PACKING_INVALID', 'groups are to be listed, no list is there');
  const limit = Math.min(...parts.filter((part) => part.columnGroup === 'listed').map(({ matrix }) => matrix.columns));
  if (limit > columns) throw new QuantscopeError('PACKING_INVALID', `${limit} groups for ${columns} columns`);
  const { bytes, origin } = readItems(files, columnGroups, 4, 0, [
    { size: columns, stride: 1, from: column0, to: column1 },
  ]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Int32Array.from({ length: column1 - column0 }, (_, i) => {
    const group = view.getInt32((origin + column0 + i) * 4, true);
    if (group < 0 || group >= limit)
      throw new QuantscopeError('PACKING_INVALID', `column ${column0 + i} is in group ${group}, there are ${limit}`);
    return group;
  });
}

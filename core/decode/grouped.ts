// Scale, zero point and bias of every segment of a row, from the matrices that hold them by groups.

import { QuantscopeError } from '../base/errors.ts';
import type { Grouped, Matrix, PackedMatrix } from '../tensor/storage.ts';
import type { Rect } from './rect.ts';
import type { Segments } from './segments.ts';

export type LoadMatrix = (matrix: Matrix, rect: Rect) => Float32Array;

/** One number per segment of one row. */
export interface RowValues {
  readonly scale: Float32Array;
  readonly zero: Float32Array;
  readonly bias: Float32Array;
}

export function rowValues({ count }: Segments): RowValues {
  return { scale: new Float32Array(count), zero: new Float32Array(count), bias: new Float32Array(count) };
}

/** The part of a `Grouped` a window needs. */
interface Part {
  readonly values: Float32Array;
  readonly width: number;
  readonly row0: number;
  readonly rowGroup: number;
  /** Column of `values` for each segment. */
  readonly column: Int32Array;
  readonly divide: boolean;
}

export interface GroupValues {
  /** Fills `out` with the values of one row of the window. */
  ofRow(row: number, out: RowValues): void;
}

/** Loads what a window needs. @throws PACKING_INVALID, and what loading throws */
export function groupValues(matrix: PackedMatrix, rect: Rect, segments: Segments, load: LoadMatrix): GroupValues {
  const part = (grouped: Grouped): Part => loadPart(grouped, rect, segments, load);
  const factors = matrix.factors.map(part);
  const zero = typeof matrix.zero === 'object' ? part(matrix.zero) : null;
  const bias = typeof matrix.bias === 'object' ? part(matrix.bias) : null;
  const zeroOffset = matrix.zeroOffset ?? 0;
  const constant = Math.fround(matrix.constant ?? 1);
  const fixedZero = (typeof matrix.zero === 'number' ? matrix.zero : 0) + zeroOffset;
  const fixedBias = typeof matrix.bias === 'number' ? matrix.bias : -0; // x + −0 is x, for −0 too
  return {
    ofRow(row, out) {
      out.scale.fill(constant);
      for (const factor of factors) multiply(factor, row, out.scale);
      if (zero === null) out.zero.fill(fixedZero);
      else add(zero, row, zeroOffset, out.zero);
      if (bias === null) out.bias.fill(fixedBias);
      else add(bias, row, -0, out.bias);
    },
  };
}

function multiply({ values, width, row0, rowGroup, column, divide }: Part, row: number, scale: Float32Array): void {
  const at = (Math.floor(row / rowGroup) - row0) * width;
  for (let i = 0; i < scale.length; i++) {
    const value = values[at + (column[i] as number)] as number;
    const before = scale[i] as number;
    scale[i] = divide ? before / value : before * value;
  }
}

function add({ values, width, row0, rowGroup, column }: Part, row: number, offset: number, out: Float32Array): void {
  const at = (Math.floor(row / rowGroup) - row0) * width;
  for (let i = 0; i < out.length; i++) out[i] = (values[at + (column[i] as number)] as number) + offset;
}

function loadPart(grouped: Grouped, rect: Rect, segments: Segments, load: LoadMatrix): Part {
  const { matrix, rowGroup, columnGroup, divide = false } = grouped;
  if (!(rowGroup >= 1)) throw new QuantscopeError('PACKING_INVALID', 'a group of less than one row');
  const groups = segmentGroups(columnGroup, segments);
  let [column0, column1] = [Infinity, 0];
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i] ?? 0;
    if (group < column0) column0 = group;
    if (group >= column1) column1 = group + 1;
  }
  const row0 = Math.floor(rect.row0 / rowGroup);
  const row1 = Math.floor((rect.row1 - 1) / rowGroup) + 1;
  if (row1 > matrix.rows || column1 > matrix.columns)
    throw new QuantscopeError(
      'PACKING_INVALID',
      `group ${row1 - 1}, ${column1 - 1} wanted, there are ${matrix.rows} × ${matrix.columns}`,
    );
  const values = load(matrix, { row0, row1, column0, column1 });
  const column = new Int32Array(groups.length);
  for (let i = 0; i < column.length; i++) column[i] = (groups[i] ?? 0) - column0;
  return { values, width: column1 - column0, row0, rowGroup, column, divide };
}

/** Group of columns of each segment. */
function segmentGroups(columnGroup: Grouped['columnGroup'], { column, listed }: Segments): Float64Array | Int32Array {
  if (columnGroup === 'listed') return listed;
  return columnGroup === 1 ? column : column.map((at) => Math.floor(at / columnGroup));
}

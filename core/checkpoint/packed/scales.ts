// Scales whose shape tells what they are for: one number, one per output, groups of inputs, blocks, one per expert.

import { grouped, plainMatrix } from '../../tensor/packing.ts';
import type { Grouped } from '../../tensor/storage.ts';
import type { StoredTensor } from '../format.ts';
import { extentOf, invalid, leaveAsStored, type PackingContext, shapeText } from './packing.ts';

/** A stack of `experts` matrices, 1 for a single one. */
export interface LogicalMatrix {
  readonly experts: number;
  readonly rows: number;
  readonly columns: number;
}

/** Which elements share a scale, and how the scales lie: `rows` × `columns` numbers. */
export interface ScaleGrid {
  readonly rows: number;
  readonly columns: number;
  readonly rowGroup: number;
  readonly columnGroup: number;
  /** "per tensor", "per channel", "groups of 128", "blocks of 128 × 128". */
  readonly text: string;
}

/** Group and block sizes of the configuration decide where shapes leave a choice. @throws PACKING_INVALID */
export function scaleGrid(context: PackingContext, scales: StoredTensor, matrix: LogicalMatrix): ScaleGrid {
  const { groupSize, block } = context.config;
  const { experts, rows, columns } = matrix;
  const { shape, elements } = scales;
  if (elements === 1) return { rows: 1, columns: 1, rowGroup: Infinity, columnGroup: Infinity, text: 'per tensor' };
  if (experts > 1 && elements === experts && shape[0] === experts) {
    return { rows: experts, columns: 1, rowGroup: rows, columnGroup: Infinity, text: 'per expert' };
  }
  const stacked = experts === 1 ? shape : shape.slice(1);
  const whole = experts === 1 || shape[0] === experts;
  const [gridRows = 0, gridColumns = 1] = stacked;
  if (!whole || stacked.length > 2 || gridRows * gridColumns === 0) unfit(context, scales, matrix);
  if (gridRows === rows) {
    const size = sizeOf(columns, gridColumns, groupSize ?? block?.[1]) ?? unfit(context, scales, matrix);
    const text = gridColumns === 1 ? 'per channel' : `groups of ${size}`;
    const columnGroup = gridColumns === 1 ? Infinity : size;
    return { rows: experts * rows, columns: gridColumns, rowGroup: 1, columnGroup, text };
  }
  const rowGroup = sizeOf(rows, gridRows, block?.[0]) ?? unfit(context, scales, matrix);
  const columnGroup = sizeOf(columns, gridColumns, block?.[1]) ?? unfit(context, scales, matrix);
  if (experts > 1 && rowGroup * gridRows !== rows) leaveAsStored('blocks of their scales reach from expert to expert');
  const text = `blocks of ${rowGroup} × ${columnGroup}`;
  return { rows: experts * gridRows, columns: gridColumns, rowGroup, columnGroup, text };
}

/**
 * Size of `count` groups of `total` items, the last of them perhaps smaller: as claimed, or an even split, or 128 as
 * every published block format has it.
 */
function sizeOf(total: number, count: number, claimed: number | null | undefined): number | null {
  const fits = (size: number): boolean => size > 0 && Math.ceil(total / size) === count;
  if (typeof claimed === 'number' && fits(claimed)) return claimed;
  if (fits(128)) return 128;
  return total % count === 0 ? total / count : null;
}

function unfit(context: PackingContext, scales: StoredTensor, { experts, rows, columns }: LogicalMatrix): never {
  const weight = experts === 1 ? `[${rows}, ${columns}]` : `[${experts}, ${rows}, ${columns}]`;
  return invalid(context, scales, `has the shape ${shapeText(scales)}, which fits no grouping of ${weight}`);
}

/** @param dtype of the numbers where the stored one hides it: exponents in U8 */
export function scaleFactor(scales: StoredTensor, grid: ScaleGrid, dtype = scales.dtype): Grouped {
  return grouped(plainMatrix(extentOf(scales), dtype, grid.rows, grid.columns), grid.rowGroup, grid.columnGroup);
}

/** Last two dimensions are the matrix, all before them a stack. @throws LeftAsStored for vectors */
export function logicalMatrix(shape: readonly number[]): LogicalMatrix {
  if (shape.length < 2) leaveAsStored('a scaled vector is no matrix');
  const [rows = 0, columns = 0] = shape.slice(-2);
  return { experts: shape.slice(0, -2).reduce((product, size) => product * size, 1), rows, columns };
}

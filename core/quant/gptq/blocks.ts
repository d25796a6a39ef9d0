// What the fast versions of GPTQ have in common: blocks of columns, and the way back from columns to rows.

import { at } from '../../kernels/reference/at.ts';
import { type AffineGrid, levelOf } from './affineGrid.ts';
import type { GptqSettings, Matrix, QuantizedMatrix } from './gptq.ts';

/** Columns first … end − 1 in the order of quantization. */
export interface Block {
  readonly first: number;
  readonly end: number;
  /** The group whose grids are fitted before the block, to weights that all earlier blocks have changed. */
  readonly fits: number | null;
}

/**
 * Columns whose errors reach those after them in one product; of one group where grids are fitted on the way.
 * @param most columns of a block
 */
export function blocksOf(columns: number, { groupSize, actOrder }: GptqSettings, most: number): Block[] {
  const size = groupSize ?? columns;
  const blocks: Block[] = [];
  for (let first = 0; first < columns; ) {
    const groupEnd = actOrder ? columns : (Math.floor(first / size) + 1) * size;
    const end = Math.min(first + most, groupEnd);
    blocks.push({ first, end, fits: !actOrder && first % size === 0 ? first / size : null });
    first = end;
  }
  return blocks;
}

/** Some rows of the result, column by column. */
export interface ColumnCodes {
  readonly firstRow: number;
  readonly rows: number;
  /** Numbers from column to column: `rows` or more. */
  readonly step: number;
  /** [columns in the order of quantization, step] */
  readonly codes: Uint8Array;
  /** [groups, step] */
  readonly scales: Float32Array;
  readonly zeros: Float32Array;
}

/** Puts chunks of rows together. */
export class CodesByRow {
  readonly #matrix: Matrix;
  readonly #order: Uint32Array;
  readonly #groups: number;
  readonly #codes: Uint8Array;
  readonly #grids: AffineGrid[];

  constructor(matrix: Matrix, { groupSize }: GptqSettings, order: Uint32Array) {
    this.#matrix = matrix;
    this.#order = order;
    this.#groups = matrix.columns / (groupSize ?? matrix.columns);
    this.#codes = new Uint8Array(matrix.rows * matrix.columns);
    this.#grids = new Array<AffineGrid>(matrix.rows * this.#groups);
  }

  add({ firstRow, rows, step, codes, scales, zeros }: ColumnCodes): void {
    const { columns } = this.#matrix;
    this.#order.forEach((column, place) => {
      for (let row = 0; row < rows; row++)
        this.#codes[(firstRow + row) * columns + column] = at(codes, place * step + row);
    });
    for (let row = 0; row < rows; row++)
      for (let group = 0; group < this.#groups; group++)
        this.#grids[(firstRow + row) * this.#groups + group] = {
          scale: at(scales, group * step + row),
          zero: at(zeros, group * step + row),
        };
  }

  result(): QuantizedMatrix {
    const size = this.#matrix.columns / this.#groups;
    const values = new Float32Array(this.#codes.length);
    this.#grids.forEach((grid, group) => {
      for (let i = group * size; i < (group + 1) * size; i++) values[i] = levelOf(at(this.#codes, i), grid);
    });
    return { codes: this.#codes, grids: this.#grids, values };
  }
}

/** Numbers [rows, columns] → [columns in order, step], zeros behind the rows. */
export function byColumn(
  values: Float32Array,
  order: Uint32Array,
  rows: number,
  out: Float32Array | Float64Array,
): void {
  const columns = order.length;
  const step = out.length / columns;
  out.fill(0);
  order.forEach((column, place) => {
    for (let row = 0; row < rows; row++) out[place * step + row] = at(values, row * columns + column);
  });
}

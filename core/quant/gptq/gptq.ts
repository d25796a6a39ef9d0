// GPTQ: columns are quantized one after the other, and what each loses is made up for by those still to come.
// (Frantar et al. 2022, arXiv 2210.17323, algorithm 1)

import { throwIfCancelled } from '../../base/cancellation.ts';
import { QuantscopeError } from '../../base/errors.ts';
import { at } from '../../kernels/reference/at.ts';
import { type AffineGrid, affineGrid, codeOf, type GridSettings, levelOf } from './affineGrid.ts';
import { type Feedback, type FeedbackSettings, feedbackOf } from './feedback.ts';

export interface GptqSettings extends GridSettings, FeedbackSettings {
  /** Columns that share a grid in every row; null: all of them. Divides the columns. */
  readonly groupSize: number | null;
}

export const GPTQ_DEFAULTS = { rangeSearch: false, actOrder: false, damping: 0.01 } as const;

export interface Matrix {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** In the order of the columns given, whatever order they were quantized in. */
export interface QuantizedMatrix {
  /** [rows, columns] */
  readonly codes: Uint8Array;
  /** [rows, groups] */
  readonly grids: readonly AffineGrid[];
  /** [rows, columns]: the levels of the codes. */
  readonly values: Float32Array;
}

/** The levels weights are rounded to. */
export interface Levels {
  /** Before the column quantized as number `place`: what the row has by now, in the order of quantization. */
  reach?(row: number, place: number, w: Float64Array): void;
  /** @returns the level w is rounded to */
  round(row: number, column: number, w: number): number;
}

/** Rows that share a walk through the factor. */
const ROWS_AT_ONCE = 16;

/**
 * The reference: sums in float64, grids, codes and levels in float32, deterministic. With act-order the grids are those of
 * the given weights, so groups stay in place; else those of the weights as they are when their group begins.
 * @param hessian [columns, columns] XᵀX of what the matrix multiplies (any positive factor of it gives the same)
 * @throws SHAPE_INVALID, NON_FINITE when a weight is not finite or the damped Hessian not positive definite, CANCELLED
 */
export function gptq(
  weights: Matrix,
  hessian: Float64Array,
  settings: GptqSettings,
  signal?: AbortSignal,
): QuantizedMatrix {
  checkGptq(weights, hessian, settings);
  const result = new Result(weights, settings);
  roundWithFeedback(weights, hessian, settings, settings.actOrder ? result : result.refitted(), signal);
  return result;
}

/** GPTQ's rounding to levels of any kind. @throws as `gptq` */
export function roundWithFeedback(
  weights: Matrix,
  hessian: Float64Array,
  settings: FeedbackSettings,
  levels: Levels,
  signal?: AbortSignal,
): void {
  const feedback = feedbackOf(hessian, weights.columns, settings);
  roundRows(weights, feedback, levels, () => throwIfCancelled(signal, 'GPTQ'));
}

/** Some rows of a matrix, which do not know of the others. @param onRows called before some more; may throw */
export function roundRows(
  { values, rows, columns }: Matrix,
  { order, factor }: Feedback,
  levels: Levels,
  onRows: () => void,
): void {
  for (let first = 0; first < rows; first += ROWS_AT_ONCE) {
    onRows();
    const batch = Array.from({ length: Math.min(ROWS_AT_ONCE, rows - first) }, (_, i) => ({
      row: first + i,
      w: Float64Array.from(order, (column) => at(values, (first + i) * columns + column)),
    }));
    for (let i = 0; i < columns; i++) {
      const column = at(order, i);
      for (const { row, w } of batch) {
        levels.reach?.(row, i, w);
        const lost = levels.round(row, column, at(w, i)) - at(values, row * columns + column);
        for (let j = i + 1; j < columns; j++) w[j] = at(w, j) - lost * at(factor, i * columns + j);
      }
    }
  }
}

/** What GPTQ is measured against: every weight to the nearest level of the same grids. */
export function roundToNearest(
  weights: Matrix,
  settings: GridSettings & Pick<GptqSettings, 'groupSize'>,
): QuantizedMatrix {
  const { rows, columns, values } = weights;
  const result = new Result(weights, settings);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result.round(row, column, at(values, row * columns + column));
  return result;
}

class Result implements QuantizedMatrix, Levels {
  readonly codes: Uint8Array;
  readonly values: Float32Array;
  readonly grids: AffineGrid[];
  readonly #columns: number;
  readonly #groupSize: number;
  readonly #settings: GridSettings;

  /** Grids are those of the weights. */
  constructor({ values, rows, columns }: Matrix, settings: GridSettings & Pick<GptqSettings, 'groupSize'>) {
    this.#columns = columns;
    this.#groupSize = settings.groupSize ?? columns;
    this.#settings = settings;
    this.codes = new Uint8Array(rows * columns);
    this.values = new Float32Array(rows * columns);
    this.grids = Array.from({ length: (rows * columns) / this.#groupSize }, (_, group) =>
      affineGrid(values.subarray(group * this.#groupSize, (group + 1) * this.#groupSize), settings),
    );
  }

  /** The same with grids fitted again where a group begins. */
  refitted(): Levels {
    return {
      reach: (row, place, w) => {
        if (place % this.#groupSize !== 0) return;
        const group = (row * this.#columns + place) / this.#groupSize;
        this.grids[group] = affineGrid(w.subarray(place, place + this.#groupSize), this.#settings);
      },
      round: (row, column, w) => this.round(row, column, w),
    };
  }

  round(row: number, column: number, w: number): number {
    const index = row * this.#columns + column;
    const grid = this.grids[Math.floor(index / this.#groupSize)];
    if (grid === undefined) throw new RangeError(`no grid for element ${index}`);
    const code = codeOf(w, grid, this.#settings);
    const level = levelOf(code, grid);
    this.codes[index] = code;
    this.values[index] = level;
    return level;
  }
}

/** @throws SHAPE_INVALID, NON_FINITE */
export function checkGptq(
  { values, rows, columns }: Matrix,
  hessian: Float64Array,
  { groupSize, bits }: GptqSettings,
): void {
  const size = groupSize ?? columns;
  const fits = values.length === rows * columns && hessian.length === columns ** 2 && size > 0 && columns % size === 0;
  if (!fits || bits < 2 || bits > 8)
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `GPTQ: ${rows} × ${columns} weights in groups of ${size} with a Hessian of ${hessian.length} numbers, ${bits} bits`,
    );
  const wrong = values.findIndex((w) => !Number.isFinite(w));
  if (wrong >= 0)
    throw new QuantscopeError('NON_FINITE', `GPTQ: weight ${wrong} of ${values.length} is ${values[wrong]}`);
}

// GPTQ: columns are quantized one after the other, and what each loses is made up for by those still to come.
// (Frantar et al. 2022, arXiv 2210.17323, algorithm 1)

import { throwIfCancelled } from '../../base/cancellation.ts';
import { QuantscopeError } from '../../base/errors.ts';
import { at } from '../../kernels/reference/at.ts';
import { type AffineGrid, affineGrid, codeOf, type GridSettings, levelOf } from './affineGrid.ts';
import { inverseCholesky } from './inverseCholesky.ts';

export interface GptqSettings extends GridSettings {
  /** Columns that share a grid in every row; null: all of them. Divides the columns. */
  readonly groupSize: number | null;
  /** Columns of largest Hessian diagonal first. Grids are those of the given weights then, so groups stay in place. */
  readonly actOrder: boolean;
  /** Of the mean diagonal, added to the diagonal: the paper's 1 %. */
  readonly damping: number;
  /** Columns whose errors reach the columns after them in one product: the paper's 128. It changes no result but rounding. */
  readonly blockSize: number;
}

export const GPTQ_DEFAULTS = { rangeSearch: false, actOrder: false, damping: 0.01, blockSize: 128 } as const;

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

/**
 * The reference: everything in float64, deterministic.
 * @param hessian [columns, columns] XᵀX of what the matrix multiplies (any positive factor of it gives the same)
 * @throws SHAPE_INVALID, NON_FINITE when the damped Hessian is not positive definite, CANCELLED
 */
export function gptq(
  weights: Matrix,
  hessian: Float64Array,
  settings: GptqSettings,
  signal?: AbortSignal,
): QuantizedMatrix {
  const { rows, columns } = weights;
  checkShapes(weights, hessian, settings);
  const order = settings.actOrder ? byDiagonal(hessian, columns) : Uint32Array.from({ length: columns }, (_, i) => i);
  const u = permuted(hessian, columns, order);
  damp(u, columns, settings.damping);
  inverseCholesky(u, columns);
  const w = Float64Array.from({ length: rows * columns }, (_, i) =>
    at(weights.values, i - (i % columns) + at(order, i % columns)),
  );
  const result = new Result(weights, settings);
  const errors = new Float64Array(rows * settings.blockSize);
  for (let first = 0; first < columns; first += settings.blockSize) {
    throwIfCancelled(signal, 'GPTQ');
    const end = Math.min(columns, first + settings.blockSize);
    for (let i = first; i < end; i++) {
      if (!settings.actOrder) result.fitGroupAt(i, w);
      const column = at(order, i);
      const pivot = at(u, i * columns + i);
      for (let row = 0; row < rows; row++) {
        const own = row * columns;
        const error = (at(w, own + i) - result.quantize(row, column, at(w, own + i))) / pivot;
        errors[row * settings.blockSize + i - first] = error;
        for (let j = i + 1; j < end; j++) w[own + j] = at(w, own + j) - error * at(u, i * columns + j);
      }
    }
    propagate(w, errors, u, { rows, columns, first, end, stride: settings.blockSize });
  }
  return result;
}

/** What GPTQ is measured against: every weight to the nearest level of the same grids. */
export function roundToNearest(
  weights: Matrix,
  settings: GridSettings & Pick<GptqSettings, 'groupSize'>,
): QuantizedMatrix {
  const { rows, columns, values } = weights;
  const result = new Result(weights, settings);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result.quantize(row, column, at(values, row * columns + column));
  return result;
}

class Result implements QuantizedMatrix {
  readonly codes: Uint8Array;
  readonly values: Float32Array;
  readonly grids: AffineGrid[];
  readonly #columns: number;
  readonly #groupSize: number;
  readonly #settings: GridSettings;

  /** Grids are those of the weights; `fitGroupAt` fits them again. */
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

  /** Where column i begins a group: grids of the weights as they are by now. */
  fitGroupAt(i: number, w: Float64Array): void {
    if (i % this.#groupSize !== 0) return;
    for (let first = i; first < w.length; first += this.#columns)
      this.grids[first / this.#groupSize] = affineGrid(w.subarray(first, first + this.#groupSize), this.#settings);
  }

  /** @returns the level w is rounded to */
  quantize(row: number, column: number, w: number): number {
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

/** w −= errors · u for the columns after the block. */
function propagate(
  w: Float64Array,
  errors: Float64Array,
  u: Float64Array,
  { rows, columns, first, end, stride }: { rows: number; columns: number; first: number; end: number; stride: number },
): void {
  for (let row = 0; row < rows; row++)
    for (let i = first; i < end; i++) {
      const error = at(errors, row * stride + i - first);
      if (error === 0) continue;
      for (let j = end; j < columns; j++)
        w[row * columns + j] = at(w, row * columns + j) - error * at(u, i * columns + j);
    }
}

/** Ties keep the order of columns. */
function byDiagonal(hessian: Float64Array, n: number): Uint32Array {
  const diagonal = (i: number): number => at(hessian, i * n + i);
  return Uint32Array.from(Array.from({ length: n }, (_, i) => i).sort((a, b) => diagonal(b) - diagonal(a) || a - b));
}

function permuted(hessian: Float64Array, n: number, order: Uint32Array): Float64Array {
  return Float64Array.from({ length: n * n }, (_, k) =>
    at(hessian, at(order, Math.floor(k / n)) * n + at(order, k % n)),
  );
}

/** A column that nothing reached has the damping alone: it is rounded to nearest, and nothing else suffers for it. */
function damp(hessian: Float64Array, n: number, damping: number): void {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += at(hessian, i * n + i);
  const added = (damping * trace) / n || 1;
  for (let i = 0; i < n; i++) hessian[i * n + i] = at(hessian, i * n + i) + added;
}

function checkShapes(
  { values, rows, columns }: Matrix,
  hessian: Float64Array,
  { groupSize, bits, blockSize }: GptqSettings,
): void {
  const size = groupSize ?? columns;
  const fits = values.length === rows * columns && hessian.length === columns ** 2 && size > 0 && columns % size === 0;
  if (!fits || bits < 2 || bits > 8 || blockSize < 1)
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `GPTQ: ${rows} × ${columns} weights in groups of ${size} with a Hessian of ${hessian.length} numbers, ${bits} bits, blocks of ${blockSize}`,
    );
}

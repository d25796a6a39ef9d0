// The heart of GPTQ, whatever the levels are: a column is quantized, and what it loses is made up for by those after it.
// (Frantar et al. 2022, arXiv 2210.17323, algorithm 1)

import { at } from '../../kernels/reference/at.ts';
import { inverseCholesky } from './inverseCholesky.ts';

/** The levels that weights may take. */
export interface Grid {
  /**
   * Column i comes next: the moment to fit the levels of a group that begins there.
   * @param w [rows, columns] in the order of work, as they are by now
   */
  begin(i: number, w: Float64Array): void;
  /** Keeps the code. @param i in the order of work. @returns the level that w becomes */
  quantize(row: number, i: number, w: number): number;
}

export interface SweepSize {
  readonly rows: number;
  readonly columns: number;
  /** Columns whose errors reach the columns after them in one product. It changes no result but rounding. */
  readonly blockSize: number;
}

/** Columns of `w` that one pass of the product touches: with a block's part of `u` they stay in the processor's cache. */
const TILE = 256;

/**
 * @param w [rows, columns] in the order of work; overwritten with what was left for each column to become
 * @param u what `gptqFactor` gives for the same order
 * @param onBlock called before every block; may throw
 */
export function sweep(
  w: Float64Array,
  u: Float64Array,
  grid: Grid,
  { rows, columns, blockSize }: SweepSize,
  onBlock?: () => void,
): void {
  const errors = new Float64Array(rows * blockSize);
  for (let first = 0; first < columns; first += blockSize) {
    onBlock?.();
    const end = Math.min(columns, first + blockSize);
    for (let i = first; i < end; i++) {
      grid.begin(i, w);
      const pivot = at(u, i * columns + i);
      for (let row = 0; row < rows; row++) {
        const own = row * columns;
        const error = (at(w, own + i) - grid.quantize(row, i, at(w, own + i))) / pivot;
        errors[row * blockSize + i - first] = error;
        for (let j = i + 1; j < end; j++) w[own + j] = at(w, own + j) - error * at(u, i * columns + j);
      }
    }
    propagate(w, errors, u, { rows, columns, blockSize, first, end });
  }
}

/**
 * U with (H + damping · mean(diag H) · I)⁻¹ = Uᵀ U. A column that nothing reached has the damping alone: it is rounded to
 * nearest, and nothing else suffers for it.
 * @param h [n, n] in the order of work; overwritten with U
 * @throws NON_FINITE when the damped matrix is not positive definite
 */
export function gptqFactor(h: Float64Array, n: number, damping: number): void {
  let trace = 0;
  for (let i = 0; i < n; i++) trace += at(h, i * n + i);
  const added = (damping * trace) / n || 1;
  for (let i = 0; i < n; i++) h[i * n + i] = at(h, i * n + i) + added;
  inverseCholesky(h, n);
}

/** w −= errors · u for the columns after the block. */
function propagate(
  w: Float64Array,
  errors: Float64Array,
  u: Float64Array,
  { rows, columns, blockSize, first, end }: SweepSize & { first: number; end: number },
): void {
  for (let tile = end; tile < columns; tile += TILE) {
    const tileEnd = Math.min(columns, tile + TILE);
    for (let row = 0; row < rows; row++) {
      const own = row * columns;
      for (let i = first; i < end; i++) {
        const error = at(errors, row * blockSize + i - first);
        if (error === 0) continue;
        const from = i * columns;
        for (let j = tile; j < tileEnd; j++) w[own + j] = at(w, own + j) - error * at(u, from + j);
      }
    }
  }
}

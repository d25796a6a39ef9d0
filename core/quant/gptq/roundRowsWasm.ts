// GPTQ's rounding to levels of any kind, with the products between blocks of columns by the WASM kernel.

import { PACKED_BYTES, panelStep } from '../../kernels/cholesky.ts';
import { at } from '../../kernels/reference/at.ts';
import type { Kernels } from '../../kernels/wasm.ts';
import type { Feedback } from './feedback.ts';
import type { Levels, Matrix } from './gptq.ts';

const BLOCK_COLUMNS = 64;

/**
 * As `roundRows`, bit for bit, but row by row inside a block of columns. `levels.reach` finds as many columns brought up to
 * date as it can ask for when its groups divide 64 columns or are whole multiples of them.
 * @param onBlock called before some more columns; may throw
 * @throws MEMORY_LIMIT
 */
export function roundRowsOnWasm(
  { run, arena }: Kernels,
  { values, rows, columns }: Matrix,
  { order, factor }: Feedback,
  levels: Levels,
  onBlock: () => void,
): void {
  const step = panelStep(columns);
  arena.scoped(() => {
    const w = arena.alloc(rows * step);
    const panel = arena.alloc(BLOCK_COLUMNS * step);
    const lost = arena.alloc(BLOCK_COLUMNS * rows * 8 + 32);
    const packed = arena.alloc(BLOCK_COLUMNS * PACKED_BYTES);
    const rowAt = (row: number): Float64Array => arena.f64(w + row * step, columns);
    for (let row = 0; row < rows; row++)
      rowAt(row).set(Float64Array.from(order, (column) => at(values, row * columns + column)));
    for (let first = 0; first < columns; first += BLOCK_COLUMNS) {
      onBlock();
      const count = Math.min(BLOCK_COLUMNS, columns - first);
      for (let i = 0; i < count; i++)
        arena
          .f64(panel + i * step, columns - first)
          .set(factor.subarray((first + i) * columns + first, (first + i + 1) * columns));
      const errors = arena.f64(lost, count * rows);
      for (let row = 0; row < rows; row++) {
        const own = rowAt(row);
        for (let i = 0; i < count; i++) {
          levels.reach?.(row, first + i, own);
          const column = at(order, first + i);
          const error = levels.round(row, column, at(own, first + i)) - at(values, row * columns + column);
          errors[i * rows + row] = error;
          const from = (first + i) * columns;
          for (let j = first + i + 1; j < first + count; j++) own[j] = at(own, j) - error * at(factor, from + j);
        }
      }
      const end = first + count;
      run.subtractProduct(
        w + end * 8,
        step,
        rows,
        columns - end,
        lost,
        panel + count * 8,
        rows * 8,
        step,
        count,
        packed,
      );
    }
  });
}

// The squared error of a layer's output that quantizing its weights makes.

import { at } from '../../kernels/reference/at.ts';
import type { Matrix } from './gptq.ts';

/**
 * Σ over rows of (w − ŵ) H (w − ŵ)ᵀ = ‖(W − Ŵ) Xᵀ‖² for H = XᵀX (Frantar et al. 2022, arXiv 2210.17323, eq. 1), in float64.
 * @param quantized [rows, columns]
 */
export function outputError({ values, rows, columns }: Matrix, quantized: Float32Array, hessian: Float64Array): number {
  const lost = Float64Array.from(values, (w, i) => w - at(quantized, i));
  let total = 0;
  for (let row = 0; row < rows; row++) {
    const own = lost.subarray(row * columns, (row + 1) * columns);
    for (let i = 0; i < columns; i++) {
      let sum = 0;
      for (let j = 0; j < columns; j++) sum += at(hessian, i * columns + j) * at(own, j);
      total += at(own, i) * sum;
    }
  }
  return total;
}

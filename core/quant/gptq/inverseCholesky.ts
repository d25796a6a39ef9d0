// The upper Cholesky factor of a matrix's inverse, without forming the inverse, in float64.

import { QuantscopeError } from '../../base/errors.ts';
import { at } from '../../kernels/reference/at.ts';

/**
 * U, upper triangular, with H⁻¹ = Uᵀ U: what GPTQ reads its updates from (Frantar et al. 2022, arXiv 2210.17323, step 3).
 *
 * Factored from the last row up, H = R Rᵀ with R upper triangular, and U = R⁻¹: a Cholesky decomposition and a triangular
 * inverse, n³/3 multiplications each, where the inverse and its decomposition take three times as many and lose more.
 *
 * @param h [n, n], symmetric and positive definite; overwritten with U, zeros below its diagonal
 * @throws NON_FINITE when it is not positive definite
 */
export function inverseCholesky(h: Float64Array, n: number): void {
  factor(h, n);
  invert(h, n);
}

/** H = R Rᵀ into the upper triangle. */
function factor(h: Float64Array, n: number): void {
  for (let j = n - 1; j >= 0; j--) {
    const own = j * n;
    let pivot = at(h, own + j);
    for (let k = j + 1; k < n; k++) pivot -= at(h, own + k) ** 2;
    if (!(pivot > 0) || pivot === Number.POSITIVE_INFINITY)
      throw new QuantscopeError(
        'NON_FINITE',
        `Hessian: not positive definite at column ${j} of ${n}; more damping or more calibration text is needed`,
      );
    const root = Math.sqrt(pivot);
    h[own + j] = root;
    for (let i = 0; i < j; i++) {
      const row = i * n;
      let sum = at(h, row + j);
      for (let k = j + 1; k < n; k++) sum -= at(h, row + k) * at(h, own + k);
      h[row + j] = sum / root;
    }
  }
}

/** R⁻¹ in place of R; rows from the last up, so that each finds those below it inverted. */
function invert(r: Float64Array, n: number): void {
  const row = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    const own = i * n;
    const inverse = 1 / at(r, own + i);
    row.fill(0);
    for (let k = i + 1; k < n; k++) {
      const factor = at(r, own + k);
      const below = k * n;
      for (let j = k; j < n; j++) row[j] = at(row, j) - factor * at(r, below + j);
    }
    r.fill(0, own, own + i);
    r[own + i] = inverse;
    for (let j = i + 1; j < n; j++) r[own + j] = at(row, j) * inverse;
  }
}

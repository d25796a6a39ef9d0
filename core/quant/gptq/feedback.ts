// What a weight takes over from those quantized before it: the factor U of H = U D Uᵀ, in float64.

import { QuantscopeError } from '../../base/errors.ts';
import { at } from '../../kernels/reference/at.ts';

export interface FeedbackSettings {
  /** Columns of largest Hessian diagonal first. */
  readonly actOrder: boolean;
  /** Of the mean diagonal, added to the diagonal: the paper's 1 %. */
  readonly damping: number;
}

export interface Feedback {
  /** The column that is quantized first, second, …. */
  readonly order: Uint32Array;
  /** [n, n] in that order, upper triangular with ones on the diagonal. */
  readonly factor: Float64Array;
}

/**
 * With E = W − Ŵ the squared output error is tr(E H Eᵀ) = Σ_j d_j ‖(E U)_j‖², and (E U)_j = E_j + Σ_{i<j} E_i U_ij: it is
 * least, column after column, when each weight is rounded after the errors before it are added, times U. That is GPTQ
 * (Chee et al. 2023, arXiv 2307.13304, theorem 6) without its inverse: half the work, fewer digits lost.
 *
 * @param hessian   [n, n], symmetric; left as it is
 * @param factorize does what `cholesky` does, if faster
 * @throws NON_FINITE when the damped Hessian is not positive definite
 */
export function feedbackOf(
  hessian: Float64Array,
  n: number,
  { actOrder, damping }: FeedbackSettings,
  factorize = cholesky,
): Feedback {
  const order = orderOf(hessian, n, actOrder);
  const factor = dampedHessian(hessian, order, damping);
  factorize(factor, n);
  unitUpper(factor, n);
  return { order, factor };
}

/** Ties keep the order of columns. */
export function orderOf(hessian: Float64Array, n: number, actOrder: boolean): Uint32Array {
  const columns = Array.from({ length: n }, (_, i) => i);
  const diagonal = (i: number): number => at(hessian, i * n + i);
  return Uint32Array.from(actOrder ? columns.sort((a, b) => diagonal(b) - diagonal(a) || a - b) : columns);
}

/** In a given order. A column that nothing reached has the damping alone: nothing else suffers for it. */
export function dampedHessian(hessian: Float64Array, order: Uint32Array, damping: number): Float64Array {
  const n = order.length;
  let trace = 0;
  for (let i = 0; i < n; i++) trace += at(hessian, i * n + i);
  const added = (damping * trace) / n || 1;
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = at(order, i) * n;
    for (let j = 0; j < n; j++) out[i * n + j] = at(hessian, row + at(order, j));
    out[i * n + i] = at(out, i * n + i) + added;
  }
  return out;
}

/**
 * H = Mᵀ M, M lower triangular, from the last row up: H = R Rᵀ of R = Mᵀ, in rows that lie together. Every element has its
 * products subtracted one by one, those of the last row first, whatever blocks a kernel computes in.
 * @param h [n, n]: its lower triangle becomes M
 */
function cholesky(h: Float64Array, n: number): void {
  for (let k = n - 1; k >= 0; k--) {
    const own = k * n;
    const pivot = at(h, own + k);
    if (!(pivot > 0) || pivot === Number.POSITIVE_INFINITY) throw notPositive(k, n);
    const root = Math.sqrt(pivot);
    h[own + k] = root;
    for (let i = 0; i < k; i++) h[own + i] = at(h, own + i) / root;
    for (let j = 0; j < k; j++) {
      const other = at(h, own + j);
      for (let i = 0; i <= j; i++) h[j * n + i] = at(h, j * n + i) - other * at(h, own + i);
    }
  }
}

/** U of M, in place: U_ij = M_ji / M_jj. */
export function unitUpper(m: Float64Array, n: number): void {
  for (let j = 0; j < n; j++) {
    const root = at(m, j * n + j);
    for (let i = 0; i < j; i++) m[i * n + j] = at(m, j * n + i) / root;
    m.fill(0, j * n, j * n + j);
    m[j * n + j] = 1;
  }
}

/** @param column in the order of quantization */
export function notPositive(column: number, n: number): QuantscopeError {
  return new QuantscopeError(
    'NON_FINITE',
    `Hessian: not positive definite at column ${column} of ${n}; more damping or more calibration text is needed`,
  );
}

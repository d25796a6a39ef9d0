// Worker task: the factor of a damped Hessian, into memory that all workers share.

import { choleskyFactor } from '../kernels/cholesky.ts';
import type { Task } from '../kernels/task.ts';
import { feedbackOf, notPositive } from '../quant/gptq/feedback.ts';

export interface FactorInput {
  /** [columns, columns] */
  readonly hessian: Float64Array;
  readonly columns: number;
  readonly damping: number;
  /** columns² float64. */
  readonly factor: SharedArrayBuffer;
}

/** @throws NON_FINITE when the damped Hessian is not positive definite, CANCELLED */
export const factorTask: Task<FactorInput, null> = (
  { hessian, columns, damping, factor: shared },
  { kernels, checkpoint },
) => {
  checkpoint();
  const { factor } = feedbackOf(hessian, columns, { actOrder: false, damping }, (h, n) => {
    const failed = choleskyFactor(kernels, h, n, checkpoint);
    if (failed >= 0) throw notPositive(failed, n);
  });
  new Float64Array(shared).set(factor);
  return null;
};

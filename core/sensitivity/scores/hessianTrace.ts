// Score: the error of a weight under the full Hessian of its layer's squared output, H = XᵀX.

import { linearWork, measureLinearErrors } from '../linearErrors.ts';
import type { TextScore } from '../score.ts';

export const hessianTrace: TextScore = {
  id: 'hessianTrace',
  name: 'Hessian trace error',
  formula: 'tr(ΔW·H·ΔWᵀ) / tr(W·H·Wᵀ), H = Σ xᵀx',
  unit: 'share of ‖x·Wᵀ‖²',
  needs: 'text',
  causal: false,
  plans: null,
  version: 1,
  work: linearWork,
  measure: measureLinearErrors,
};

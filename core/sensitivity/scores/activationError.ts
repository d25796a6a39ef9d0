// Score: the error of a weight with every column weighed by the mean square of what it multiplies (importance matrix).

import { linearWork, measureLinearErrors } from '../linearErrors.ts';
import type { TextScore } from '../score.ts';

export const activationError: TextScore = {
  id: 'activationError',
  name: 'Activation-weighted error',
  formula: 'Σ E[x²]·(W − Ŵ)² / Σ E[x²]·W²',
  unit: 'share of Σ E[x²]·W²',
  needs: 'text',
  causal: false,
  plans: null,
  version: 1,
  work: linearWork,
  measure: measureLinearErrors,
};

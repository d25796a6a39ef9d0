// Score: how the error of one quantized tensor grows or fades on its way through the later blocks
// (Beyond Outliers, arXiv 2509.23500).

import type { TextScore } from '../score.ts';
import { followVariants, variantWork } from '../variants.ts';

/** The curve has the error after the own block and each later one; the value is its end. */
export const propagatedError: TextScore = {
  id: 'propagatedError',
  name: 'Propagated error',
  formula: '‖y − ŷ‖² / ‖y‖² after the last block',
  unit: 'share of ‖y‖²',
  needs: 'text',
  causal: false,
  plans: 'proportional',
  version: 1,
  work: (run, known) => variantWork(run, 'states', known),
  measure: (run, options) => followVariants(run, 'states', options),
};

// Score: what an error in one tensor does to the model's predictions, KL(original ‖ changed), one tensor at a time.

import type { TextScore } from '../score.ts';
import { followVariants, variantWork } from '../variants.ts';

/** Times the relative error of any type it predicts the damage of that type, and damages add up (docs/adr/0008, 0012). */
export const measuredDivergence: TextScore = {
  id: 'measuredDivergence',
  name: 'Measured divergence',
  formula: 'mean KL(p ‖ p̂) per token / (‖W − Ŵ‖² / ‖W‖²)',
  unit: 'nats per unit of relative error',
  needs: 'text',
  causal: false,
  plans: 'nats',
  version: 1,
  work: (run, known) => variantWork(run, 'predictions', known),
  measure: (run, options) => followVariants(run, 'predictions', options),
};

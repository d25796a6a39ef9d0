// Score: first-order change of the loss by a quantized weight.

import { gradientWork, measureGradientEffects } from '../gradientEffects.ts';
import type { TextScore } from '../score.ts';

/** A trained model's gradients are near zero: what is left is much noise, as the standard errors tell. */
export const gradientTimesError: TextScore = {
  id: 'gradientTimesError',
  name: 'Gradient × error',
  formula: '|Σ ∂L/∂W · (W − Ŵ)|, L the mean loss of the text',
  unit: 'nats per token',
  needs: 'text',
  causal: true,
  plans: null,
  version: 1,
  work: gradientWork,
  measure: (run, options) => measureGradientEffects(run, 'gradientTimesError', options),
};

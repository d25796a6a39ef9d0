// Score: damage of a quantized weight under the diagonal Fisher information of the model's predictions
// (SqueezeLLM, arXiv 2306.07629, eq. 4, takes the empirical one).

import { gradientWork, measureGradientEffects } from '../gradientEffects.ts';
import type { TextScore } from '../score.ts';

export const fisher: TextScore = {
  id: 'fisher',
  name: 'Fisher information',
  formula: '½ Σ F·(W − Ŵ)², F = E[(∂ log p / ∂W)²]',
  unit: 'nats per token',
  needs: 'text',
  causal: true,
  plans: 'proportional',
  version: 1,
  work: gradientWork,
  measure: (run, options) => measureGradientEffects(run, 'fisher', options),
};

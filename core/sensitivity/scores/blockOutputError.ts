// Score: what a quantized tensor does to the output of its own block.

import type { TextScore } from '../score.ts';
import { followVariants, variantWork } from '../variants.ts';

/** y: hidden state after the block, residual stream included; of the embedding its rows, of the head the logits. */
export const blockOutputError: TextScore = {
  id: 'blockOutputError',
  name: 'Block output error',
  formula: '‖y − ŷ‖² / ‖y‖² after the tensor’s own block',
  unit: 'share of ‖y‖²',
  needs: 'text',
  causal: false,
  plans: null,
  version: 1,
  work: (run, known) => variantWork(run, 'block', known),
  measure: (run, options) => followVariants(run, 'block', options),
};

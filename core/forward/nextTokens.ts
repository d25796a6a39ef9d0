// Likelihoods of texts ask for models that predict the next token from those before it.

import { QuantscopeError } from '../base/errors.ts';
import type { Parts } from './blocks.ts';

/** @throws UNSUPPORTED_ARCHITECTURE for encoders, whose tokens see the ones after them */
export function requireNextTokens({ network, weights }: Pick<Parts, 'network' | 'weights'>): void {
  if (network.causal) return;
  const fact =
    'an encoder predicts masked tokens, not the next one: texts have no perplexity; its activations can be seen';
  throw new QuantscopeError('UNSUPPORTED_ARCHITECTURE', `${weights.checkpoint.name}: ${fact}`);
}

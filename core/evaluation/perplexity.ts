// How well a model predicts a text: mean negative log likelihood per token and its exponential, with standard errors.

import { QuantscopeError } from '../base/errors.ts';
import type { Decoder, RunProgress } from '../forward/decoder.ts';

export interface PerplexityOptions extends RunProgress {
  /** Tokens of one sequence. */
  readonly context: number;
  /** At most so many sequences; all the text gives when left out. */
  readonly sequences?: number | undefined;
  /**
   * all: every token of a sequence is predicted from those before it in the sequence.
   * half: only the second half, with half a context before each, as llama.cpp's `perplexity` scores.
   */
  readonly score: 'all' | 'half';
  /** Replaces the first token of every sequence; null for models without a begin token. */
  readonly begin: number | null;
}

export interface Perplexity {
  readonly perplexity: number;
  /** Standard error of the perplexity, from that of the mean (delta method). */
  readonly error: number;
  /** Mean negative log likelihood, nats per token. */
  readonly loss: number;
  readonly tokens: number;
  readonly sequences: number;
}

/**
 * Consecutive sequences of `context` tokens. The last row of one predicts the first token of the next, which counts
 * only where everything does.
 * @throws TEXT_TOO_SHORT naming both lengths, and what Decoder.logits throws
 */
export async function measurePerplexity(
  decoder: Decoder,
  ids: Uint32Array,
  options: PerplexityOptions,
): Promise<Perplexity> {
  const { context, score, begin } = options;
  const from = score === 'half' ? Math.floor(context / 2) : 0;
  const scored = score === 'half' ? context - 1 : context;
  const possible = Math.floor((ids.length - 1) / context);
  const count = Math.min(possible, options.sequences ?? possible);
  if (count < 1)
    throw new QuantscopeError(
      'TEXT_TOO_SHORT',
      `the text has ${ids.length} tokens, one sequence of ${context} needs ${context + 1}`,
    );
  const sequences = Array.from({ length: count }, (_, s) => {
    const sequence = ids.slice(s * context, (s + 1) * context);
    if (begin !== null) sequence[0] = begin;
    return sequence;
  });
  const { vocabulary } = decoder.shape;
  let tokens = 0;
  let sum = 0;
  let squares = 0;
  for await (const { first, logits } of decoder.logits(sequences, from, options)) {
    for (let row = 0; row * vocabulary < logits.length; row++) {
      if ((first + row) % context >= scored) continue;
      const target = ids[first + row + 1] ?? 0;
      const loss = negativeLogLikelihood(logits.subarray(row * vocabulary, (row + 1) * vocabulary), target);
      tokens += 1;
      sum += loss;
      squares += loss * loss;
    }
  }
  const loss = sum / tokens;
  const variance = Math.max(0, squares / tokens - loss * loss);
  const perplexity = Math.exp(loss);
  return {
    perplexity,
    loss,
    tokens,
    sequences: count,
    error: perplexity * Math.sqrt(variance / Math.max(1, tokens - 1)),
  };
}

/** log Σ exp(logits) − logits[target], in float64. */
function negativeLogLikelihood(logits: Float32Array, target: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > largest) largest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - largest);
  return largest + Math.log(sum) - (logits[target] ?? Number.NaN);
}

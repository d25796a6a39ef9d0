// How well a model predicts a text: mean negative log likelihood per token and its exponential, with standard errors.

import type { Decoder, RunProgress } from '../forward/decoder.ts';
import { requireNextTokens } from '../forward/nextTokens.ts';
import { logSumExp } from './likelihood.ts';
import { cutSequences, type SequenceOptions } from './sequences.ts';
import { Spread } from './spread.ts';

export interface Perplexity {
  readonly perplexity: number;
  /** Standard error of the perplexity, from that of the mean (delta method). */
  readonly error: number;
  /** Mean negative log likelihood, nats per token. */
  readonly loss: number;
  readonly tokens: number;
  readonly sequences: number;
}

/** @throws TEXT_TOO_SHORT, UNSUPPORTED_ARCHITECTURE for encoders, and what Decoder.logits throws */
export async function measurePerplexity(
  decoder: Decoder,
  ids: Uint32Array,
  options: SequenceOptions & RunProgress,
): Promise<Perplexity> {
  requireNextTokens(decoder.parts);
  const { sequences, from, target } = cutSequences(ids, options);
  const { vocabulary } = decoder.network;
  const losses = new Spread();
  for await (const { first, logits } of decoder.logits(sequences, from, options)) {
    for (let row = 0; row * vocabulary < logits.length; row++) {
      const token = target(first + row);
      if (token === null) continue;
      const own = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
      losses.add(logSumExp(own) - (own[token] ?? Number.NaN));
    }
  }
  return perplexityOf(losses, sequences.length);
}

export function perplexityOf(losses: Spread, sequences: number): Perplexity {
  const perplexity = Math.exp(losses.mean);
  return { perplexity, error: perplexity * losses.standardError, loss: losses.mean, tokens: losses.count, sequences };
}

// What a changed model does to the predictions of the original, token by token on the same text.

import { QuantscopeError } from '../base/errors.ts';
import type { Decoder, RunProgress } from '../forward/decoder.ts';
import type { LogitRows } from '../forward/head.ts';
import { divergence, logSumExp, topToken } from './likelihood.ts';
import { type Perplexity, perplexityOf } from './perplexity.ts';
import { cutSequences, type SequenceOptions } from './sequences.ts';
import { Spread } from './spread.ts';

export interface Comparison extends Perplexity {
  readonly original: Perplexity;
  /** KL(original ‖ changed) per token, nats. */
  readonly divergence: {
    readonly mean: number;
    readonly error: number;
    readonly p99: number;
    readonly p999: number;
    readonly largest: number;
  };
  /** Share of tokens whose likeliest continuation stayed the same. */
  readonly topAgreement: number;
  readonly topAgreementError: number;
}

/**
 * Runs both models over the same sequences.
 * @throws SHAPE_INVALID when the vocabularies differ, TEXT_TOO_SHORT, and what Decoder.logits throws
 */
export async function compareModels(
  original: Decoder,
  changed: Decoder,
  ids: Uint32Array,
  options: SequenceOptions & RunProgress,
): Promise<Comparison> {
  const { vocabulary } = original.network;
  if (changed.network.vocabulary !== vocabulary)
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `the models have ${vocabulary} and ${changed.network.vocabulary} tokens; only models of one vocabulary compare`,
    );
  const { sequences, from, target } = cutSequences(ids, options);
  const [losses, originalLosses, divergences, agreements] = [new Spread(), new Spread(), new Spread(), new Spread()];
  const { signal, onProgress } = options;
  const half = (which: 0 | 1): RunProgress => ({
    signal,
    onProgress: (done, total, message) => onProgress?.(done + which * total, 2 * total, message),
  });
  const theirs = changed.logits(sequences, from, half(1));
  try {
    for await (const rows of original.logits(sequences, from, half(0))) {
      const other = await next(theirs, rows.first);
      for (let row = 0; row * vocabulary < rows.logits.length; row++) {
        const token = target(rows.first + row);
        if (token === null) continue;
        const p = rows.logits.subarray(row * vocabulary, (row + 1) * vocabulary);
        const q = other.logits.subarray(row * vocabulary, (row + 1) * vocabulary);
        originalLosses.add(logSumExp(p) - (p[token] ?? Number.NaN));
        losses.add(logSumExp(q) - (q[token] ?? Number.NaN));
        divergences.add(divergence(p, q));
        agreements.add(topToken(p) === topToken(q) ? 1 : 0);
      }
    }
  } finally {
    await theirs.return(undefined);
  }
  return {
    ...perplexityOf(losses, sequences.length),
    original: perplexityOf(originalLosses, sequences.length),
    divergence: {
      mean: divergences.mean,
      error: divergences.standardError,
      p99: divergences.quantile(0.99),
      p999: divergences.quantile(0.999),
      largest: divergences.quantile(1),
    },
    topAgreement: agreements.mean,
    topAgreementError: agreements.standardError,
  };
}

async function next(rows: AsyncGenerator<LogitRows>, first: number): Promise<LogitRows> {
  const { value, done } = await rows.next();
  if (done === true || value.first !== first) throw new QuantscopeError('INTERNAL', 'the models gave different rows');
  return value;
}

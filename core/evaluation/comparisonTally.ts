// Two models' predictions of the same tokens, summed up: divergence, agreement, perplexity of both.

import { divergence, logSumExp, topToken } from './likelihood.ts';
import { type Perplexity, perplexityOf } from './perplexity.ts';
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

export class ComparisonTally {
  readonly #losses = new Spread();
  readonly #originalLosses = new Spread();
  readonly #divergences = new Spread();
  readonly #agreements = new Spread();

  /** @param p logits of the original; q of the changed model; token that really follows */
  add(p: Float32Array, q: Float32Array, token: number): void {
    this.#originalLosses.add(logSumExp(p) - (p[token] ?? Number.NaN));
    this.#losses.add(logSumExp(q) - (q[token] ?? Number.NaN));
    this.#divergences.add(divergence(p, q));
    this.#agreements.add(topToken(p) === topToken(q) ? 1 : 0);
  }

  /** @param sequences that were run */
  result(sequences: number): Comparison {
    const divergences = this.#divergences;
    return {
      ...perplexityOf(this.#losses, sequences),
      original: perplexityOf(this.#originalLosses, sequences),
      divergence: {
        mean: divergences.mean,
        error: divergences.standardError,
        p99: divergences.quantile(0.99),
        p999: divergences.quantile(0.999),
        largest: divergences.quantile(1),
      },
      topAgreement: this.#agreements.mean,
      topAgreementError: this.#agreements.standardError,
    };
  }
}

// Fisher information of every single weight, and the gradient: what they say of a change of the weights.

import type { ScoredSequences } from '../evaluation/sequences.ts';
import type { Parts } from '../forward/blocks.ts';
import { type GradientOptions, lossGradients } from './lossGradients.ts';
import { textTargets } from './targets.ts';
import { GradientSum, SquareSum, type Weight } from './weight.ts';

export type DiagonalOptions = Omit<GradientOptions<SquareSum>, 'open' | 'together'>;

export interface WeightValues {
  readonly weight: Weight;
  /** Shaped like the weight. */
  readonly values: Float32Array;
}

/**
 * Diagonal of the Fisher information per token,
 *
 *   F_i = (1/N) Σ over sequences s (∂/∂w_i Σ over tokens t of s: log p(t | before it))²
 *
 * With tokens drawn from the model (`sampled`) its expectation over the draws is the diagonal of the Fisher information
 * of the predictions: gradients of different tokens of a sequence are uncorrelated then, so squares of sums are sums of
 * squares. ½ Σ F_i Δ_i² is then, off-diagonals left aside, the KL divergence in nats per token that a small change Δ
 * makes. With the text's tokens it is the empirical Fisher of whole sequences (Kunstner et al. 2019, arXiv 1905.12558),
 * as SqueezeLLM takes it (Kim et al. 2023, arXiv 2306.07629, eq. 4), which also sees where the model is wrong.
 *
 * @throws as `lossGradients`
 */
export async function* fisherDiagonals(
  parts: Parts,
  scored: ScoredSequences,
  options: DiagonalOptions = {},
): AsyncGenerator<WeightValues> {
  const open = ({ place }: Weight): SquareSum => new SquareSum(place.elements);
  // Sinks take gradients of a sequence's share of the mean: 1/N of what is squared above.
  const tokens = textTargets(scored).count;
  for await (const { weight, sink } of lossGradients(parts, scored, { ...options, open }))
    yield { weight, values: sink.values.map((square) => square * tokens) };
}

/** Gradient of the mean loss per token. @throws as `lossGradients` */
export async function* meanGradients(
  parts: Parts,
  scored: ScoredSequences,
  options: DiagonalOptions = {},
): AsyncGenerator<WeightValues> {
  const open = ({ place }: Weight): GradientSum => new GradientSum(place.elements);
  for await (const { weight, sink } of lossGradients(parts, scored, { ...options, open, together: true }))
    yield { weight, values: sink.values };
}

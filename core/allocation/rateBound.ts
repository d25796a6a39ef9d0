// What no quantizer of independent Gaussian weights can beat: reverse water-filling over a model's tensors.

import type { ParetoPoint } from '../protocol/plan.ts';

export interface BoundTensor {
  /** Damage per unit of relative error, above 0. */
  readonly weight: number;
  readonly elements: number;
}

export interface BoundSize {
  readonly fixedBytes: number;
  readonly parameters: number;
  readonly maxBytes: number;
}

/** What the curve takes for granted, for people. */
export const BOUND_BASIS =
  'reverse water-filling: least damage if weights were independent Gaussian numbers, encodings of any rate ideal and without scales to store, and damages added up; real weights may allow less';

/** Points of the curve. */
const STEPS = 120;
/** The curve ends where every tensor has at least so many: floats, as good as exact. */
const MOST_BITS = 12;

/**
 * Least damage of any encoding of R bits per weight, as a curve over the file's size.
 *
 * A memoryless Gaussian source of variance σ² has distortion-rate function  D(R) = σ²·2^(−2R)  (Cover & Thomas, Elements of
 * Information Theory, 2nd ed., theorem 10.3.2): its relative error is 2^(−2R), 1 at rate 0. Minimizing
 *
 *   Σ weight_t · 2^(−2 R_t)   subject to   Σ elements_t · R_t = budget,  R_t ≥ 0
 *
 * gives every tensor with a rate the same marginal damage per bit, λ = 2 ln 2 · weight_t · 2^(−2 R_t) / elements_t, and no
 * bits to those whose marginal at rate 0 is below λ (reverse water-filling, theorem 10.3.3; for weights
 * rotated to be Gaussian: Q-Palette, arXiv 2509.20214).
 *
 * Real weights are neither Gaussian nor independent, so a plan below the curve is possible where they are far from it.
 *
 * @param size bytes that hold no planned weights, the number bits per weight are divided by, and where the curve ends
 * @returns bytes ascending; empty where no tensor has a weight
 */
export function rateBound(
  tensors: readonly BoundTensor[],
  { fixedBytes, parameters, maxBytes }: BoundSize,
): ParetoPoint[] {
  const useful = tensors.filter(({ weight, elements }) => weight > 0 && elements > 0);
  if (useful.length === 0) return [];
  const marginals = useful.map(marginalAtZero);
  const highest = Math.max(...marginals);
  const lowest = Math.min(...marginals) * 2 ** (-2 * MOST_BITS);
  return Array.from({ length: STEPS }, (_, step) => {
    const lambda = highest * (lowest / highest) ** (step / (STEPS - 1));
    let bits = 0;
    let damage = 0;
    for (const tensor of useful) {
      const rate = rateAt(tensor, lambda);
      bits += tensor.elements * rate;
      damage += tensor.weight * 2 ** (-2 * rate);
    }
    const bytes = fixedBytes + bits / 8;
    return { bytes, bitsPerWeight: (bytes * 8) / parameters, damage };
  }).filter(({ bytes }) => bytes <= maxBytes);
}

/** Bits per weight at which a further bit saves λ of damage; 0 where none does. */
export function rateAt(tensor: BoundTensor, lambda: number): number {
  return Math.max(0, Math.log2(marginalAtZero(tensor) / lambda) / 2);
}

/** −dD/d(bits) of the first bit. */
function marginalAtZero({ weight, elements }: BoundTensor): number {
  return (2 * Math.LN2 * weight) / elements;
}

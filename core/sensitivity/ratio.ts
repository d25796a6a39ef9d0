// A ratio of sums over sequences with its standard error: tokens of one sequence are not independent, sequences are.

export interface Estimate {
  readonly value: number;
  /** Standard error; NaN from a single sequence. */
  readonly error: number;
}

/**
 * R = Σ n / Σ d and √(Σ (n − R·d)² / (S (S − 1))) / mean(d): the ratio estimator and its linearized variance
 * (Cochran 1977, Sampling Techniques, eq. 6.13). A mean over tokens is the ratio of a sum to a count.
 *
 * @param numerators one sum per sequence
 * @param denominators of the same sequences, not negative
 */
export function ratioOf(numerators: ArrayLike<number>, denominators: ArrayLike<number>): Estimate {
  const sequences = numerators.length;
  let [numerator, denominator] = [0, 0];
  for (let s = 0; s < sequences; s++) {
    numerator += numerators[s] ?? 0;
    denominator += denominators[s] ?? 0;
  }
  const value = numerator === 0 ? 0 : numerator / denominator;
  let squares = 0;
  for (let s = 0; s < sequences; s++) squares += ((numerators[s] ?? 0) - value * (denominators[s] ?? 0)) ** 2;
  if (sequences < 2) return { value, error: Number.NaN };
  const error = Math.sqrt((squares * sequences) / (sequences - 1)) / denominator;
  return { value, error: squares === 0 ? 0 : error };
}

export function scaled({ value, error }: Estimate, factor: number): Estimate {
  return { value: value * factor, error: error * Math.abs(factor) };
}

// Count, mean and central moment sums, and how two sets of them become one.

/** n, mean, Σ(x−μ)², Σ(x−μ)³, Σ(x−μ)⁴ of finite elements. */
export interface Moments {
  readonly n: number;
  readonly mean: number;
  readonly m2: number;
  readonly m3: number;
  readonly m4: number;
}

export const NO_MOMENTS: Moments = { n: 0, mean: 0, m2: 0, m3: 0, m4: 0 };

/** Pébay 2008, SAND2008-6212, eq. 3.1; the order of merging is part of the result's last digits. */
export function mergeMoments(a: Moments, b: Moments): Moments {
  if (b.n === 0) return a;
  if (a.n === 0) return b;
  const n = a.n + b.n;
  const delta = b.mean - a.mean;
  const d = delta / n;
  const term = delta * d * a.n * b.n;
  return {
    n,
    mean: a.mean + d * b.n,
    m2: a.m2 + b.m2 + term,
    m3: a.m3 + b.m3 + term * d * (a.n - b.n) + 3 * d * (a.n * b.m2 - b.n * a.m2),
    m4:
      a.m4 +
      b.m4 +
      term * d * d * (a.n * a.n - a.n * b.n + b.n * b.n) +
      6 * d * d * (a.n * a.n * b.m2 + b.n * b.n * a.m2) +
      4 * d * (a.n * b.m3 - b.n * a.m3),
  };
}

/** A spread below this share of the mean is rounding of equal elements: float32 neighbours lie 6·10⁻⁸ apart. */
const EQUAL_SPREAD = 1e-14;

/** Excess kurtosis n·M4 / M2² − 3; NaN when all elements are equal or there are none. */
export function excessKurtosis(n: number, mean: number, m2: number, m4: number): number {
  const floor = EQUAL_SPREAD * Math.abs(mean);
  if (!(m2 > 0) || m2 / n <= floor * floor) return NaN;
  return (n * m4) / m2 / m2 - 3;
}

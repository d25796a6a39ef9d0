// Measured weights that noise cannot tell apart are pulled together: empirical Bayes per role.

export interface MeasuredWeight {
  /** Tensors of one pool are expected to be alike: a role. */
  readonly pool: string;
  /** Damage per unit of relative error, ≥ 0. */
  readonly value: number;
  /** Standard error of `value`; NaN or 0 where there is none. */
  readonly error: number;
}

/** Fewer cannot tell how far a pool's weights lie apart. */
const LEAST_POOL = 3;

/**
 * Posterior means of the logarithms of weights under  ln w_t ~ N(μ, τ²)  in each pool, measured as  ln w_t + N(0, v_t)
 * with v_t = (error / value)²:
 *
 *   ŵ_t = exp( (ln w_t / v_t + μ / τ²) / (1 / v_t + 1 / τ²) )
 *
 * μ is the mean weighted by 1 / (v_t + τ²); τ² makes the weighted squares come to their expectation (Paule & Mandel 1982,
 * "Consensus values and weighting factors"), 0 where the weights differ by no more than their noise: then the pool is one
 * value. Precise measurements stay as they are; zeros, and weights without an error, are left alone.
 */
export function pooledWeights(measured: readonly MeasuredWeight[]): Float64Array {
  const result = Float64Array.from(measured, ({ value }) => value);
  const pools = new Map<string, number[]>();
  for (const [at, { pool, value, error }] of measured.entries()) {
    if (!(value > 0) || !(error > 0) || !Number.isFinite(value) || !Number.isFinite(error)) continue;
    const own = pools.get(pool);
    if (own === undefined) pools.set(pool, [at]);
    else own.push(at);
  }
  for (const pool of pools.values()) {
    if (pool.length < LEAST_POOL) continue;
    const points = pool.map((at) => {
      const { value = 0, error = 0 } = measured[at] ?? {};
      return { y: Math.log(value), variance: (error / value) ** 2 };
    });
    const spread = spreadBetween(points);
    const mean = weightedMean(points, spread);
    for (const [p, at] of pool.entries()) {
      const { y = 0, variance = 0 } = points[p] ?? {};
      result[at] = Math.exp((y * spread + mean * variance) / (spread + variance));
    }
  }
  return result;
}

interface Point {
  readonly y: number;
  readonly variance: number;
}

function weightedMean(points: readonly Point[], spread: number): number {
  let [sum, weights] = [0, 0];
  for (const { y, variance } of points) {
    sum += y / (variance + spread);
    weights += 1 / (variance + spread);
  }
  return sum / weights;
}

/** τ²: the root of Σ (y − μ)² / (v + τ²) = n − 1, which falls in τ²; bisected. */
function spreadBetween(points: readonly Point[]): number {
  const excess = (spread: number): number => {
    const mean = weightedMean(points, spread);
    return points.reduce((sum, { y, variance }) => sum + (y - mean) ** 2 / (variance + spread), 0) - points.length + 1;
  };
  if (excess(0) <= 0) return 0;
  let low = 0;
  let high = 1;
  while (excess(high) > 0) high *= 2;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (excess(middle) > 0) low = middle;
    else high = middle;
  }
  return high;
}

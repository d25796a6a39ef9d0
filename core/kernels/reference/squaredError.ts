// TypeScript truth of the error kernels, in their order of summation: four partial sums, then the rest one by one.

/** ‖a‖² in float64. */
export function sumOfSquares(a: Float32Array): number {
  return sum(a.length, (i) => a[i] ?? 0);
}

/** ‖a − b‖² in float64. @param b as long as a */
export function squaredError(a: Float32Array, b: Float32Array): number {
  return sum(a.length, (i) => (a[i] ?? 0) - (b[i] ?? 0));
}

/** Σ w[c] · (a[r, c] − b[r, c])² in float64. @param a rows × weights.length; b as long, zeros when left out */
export function weightedError(a: Float32Array, weights: Float32Array, b?: Float32Array): number {
  const columns = weights.length;
  let total = 0;
  for (let at = 0; at < a.length; at += columns) {
    const term = (i: number): number => (a[at + i] ?? 0) - (b?.[at + i] ?? 0);
    total += sum(columns, term, (i) => weights[i] ?? 0);
  }
  return total;
}

function sum(count: number, term: (i: number) => number, weight: (i: number) => number = () => 1): number {
  const square = (i: number): number => weight(i) * (term(i) * term(i));
  const partial: [number, number, number, number] = [0, 0, 0, 0];
  const whole = count - (count % 4);
  for (let i = 0; i < whole; i++) {
    const lane = (i % 4) as 0 | 1 | 2 | 3; // a remainder of 4
    partial[lane] += square(i);
  }
  let total = partial[0] + partial[2] + (partial[1] + partial[3]);
  for (let i = whole; i < count; i++) total += square(i);
  return total;
}

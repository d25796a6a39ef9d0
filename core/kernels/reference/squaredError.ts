// TypeScript truth of the error kernels, in their order of summation: four partial sums, then the rest one by one.

export function sumOf(count: number, term: (i: number) => number): number {
  const square = (i: number): number => term(i) * term(i);
  const partial: [number, number, number, number] = [0, 0, 0, 0];
  const whole = count - (count % 4);
  for (let i = 0; i < whole; i++) {
    const lane = (i % 4) as 0 | 1 | 2 | 3; // a remainder of 4
    partial[lane] += square(i);
  }
  let sum = partial[0] + partial[2] + (partial[1] + partial[3]);
  for (let i = whole; i < count; i++) sum += square(i);
  return sum;
}

// Ratios of sums and their standard errors: against repeated draws from known populations.

import { describe, expect, it } from 'vitest';
import { Random } from '../../../core/base/random.ts';
import { ratioOf } from '../../../core/sensitivity/ratio.ts';

describe('ratioOf', () => {
  it('is the mean and its standard error where all denominators are alike', () => {
    const { value, error } = ratioOf([2, 4, 6, 8], [2, 2, 2, 2]);
    expect(value).toBe(2.5);
    // Sample variance of 1, 2, 3, 4 is 5/3.
    expect(error).toBeCloseTo(Math.sqrt(5 / 3 / 4), 12);
  });

  it('has no error where every sequence says the same, and none to give from one sequence', () => {
    expect(ratioOf([1, 2, 3], [2, 4, 6])).toEqual({ value: 0.5, error: 0 });
    expect(ratioOf([0, 0], [1, 1])).toEqual({ value: 0, error: 0 });
    expect(ratioOf([1], [2])).toEqual({ value: 0.5, error: Number.NaN });
  });

  it('names an error that repeated draws of sequences really have', () => {
    const random = new Random(5);
    const draws = Array.from({ length: 2000 }, () => {
      const denominators = Array.from({ length: 12 }, () => 50 + 20 * random.uniform());
      // Every sequence has a rate of its own around 0.3: tokens of a sequence are alike.
      const numerators = denominators.map((d) => d * (0.3 + 0.1 * (random.uniform() - 0.5)));
      return ratioOf(numerators, denominators);
    });
    const mean = draws.reduce((sum, { value }) => sum + value, 0) / draws.length;
    const spread = Math.sqrt(draws.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / (draws.length - 1));
    const claimed = Math.sqrt(draws.reduce((sum, { error }) => sum + error ** 2, 0) / draws.length);
    // 2,000 draws know a standard deviation to 1 / √4000 = 1.6 %; three of that.
    expect(claimed / spread).toBeGreaterThan(0.95);
    expect(claimed / spread).toBeLessThan(1.05);
  });
});

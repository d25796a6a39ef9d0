// The random numbers behind every seeded result: repeatable, and distributed as they say.

import { describe, expect, it } from 'vitest';
import { Random } from '../../../core/base/random.ts';

const COUNT = 100_000;

function drawn(seed: number, one: (random: Random) => number): number[] {
  const random = new Random(seed);
  return Array.from({ length: COUNT }, () => one(random));
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('seeded random numbers', () => {
  it('repeats with the seed and differs between neighbouring seeds', () => {
    expect(drawn(7, (random) => random.bits())).toEqual(drawn(7, (random) => random.bits()));
    expect(drawn(7, (random) => random.bits()).slice(0, 4)).not.toEqual(
      drawn(8, (random) => random.bits()).slice(0, 4),
    );
    expect(new Random(2 ** 32 + 1).bits()).not.toBe(new Random(1).bits());
  });

  // Four standard errors of each estimate at this count.
  it('uniform: mean 1/2, variance 1/12, inside [0, 1)', () => {
    const values = drawn(1, (random) => random.uniform());
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / COUNT));
    expect(Math.abs(mean(values.map((value) => (value - 0.5) ** 2)) - 1 / 12)).toBeLessThan(0.001);
  });

  it('normal: mean 0, variance 1, kurtosis 3, all finite', () => {
    const values = drawn(2, (random) => random.normal());
    expect(values.every(Number.isFinite)).toBe(true);
    expect(Math.abs(mean(values))).toBeLessThan(4 / Math.sqrt(COUNT));
    expect(Math.abs(mean(values.map((value) => value ** 2)) - 1)).toBeLessThan(4 * Math.sqrt(2 / COUNT));
    expect(Math.abs(mean(values.map((value) => value ** 4)) - 3)).toBeLessThan(4 * Math.sqrt(96 / COUNT));
  });

  it('signs are balanced, integers reach every value below the limit', () => {
    expect(Math.abs(mean(drawn(3, (random) => random.sign())))).toBeLessThan(4 / Math.sqrt(COUNT));
    expect(new Set(drawn(4, (random) => random.integer(10))).size).toBe(10);
    expect(Math.max(...drawn(5, (random) => random.integer(3)).slice(0, 1000))).toBe(2);
  });
});

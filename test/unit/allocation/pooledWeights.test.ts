import { describe, expect, it } from 'vitest';
import { type MeasuredWeight, pooledWeights } from '../../../core/allocation/pooledWeights.ts';
import { seeded } from './instances.ts';

/** Normally distributed numbers (Box & Muller). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const weight = (value: number, error: number, pool = 'mlp.down'): MeasuredWeight => ({ pool, value, error });
const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + Math.log(value / (b[i] ?? 1)) ** 2, 0);

describe('pooling', () => {
  it('makes one value of weights that differ by less than their noise', () => {
    const pooled = pooledWeights([weight(1, 0.4), weight(1.2, 0.5), weight(0.9, 0.4), weight(1.1, 0.6)]);
    expect(new Set([...pooled].map((value) => value.toPrecision(12))).size).toBe(1);
    expect(pooled[0]).toBeGreaterThan(0.9);
    expect(pooled[0]).toBeLessThan(1.2);
  });

  it('leaves precise measurements where they are, and pulls noisy ones in', () => {
    const measured = [weight(1, 0.001), weight(2, 0.002), weight(4, 0.004), weight(8, 0.008), weight(16, 12)];
    const pooled = pooledWeights(measured);
    for (const at of [0, 1, 2, 3])
      expect(Math.abs((pooled[at] ?? 0) / (measured[at]?.value ?? 1) - 1)).toBeLessThan(1e-4);
    expect(pooled[4]).toBeGreaterThan(2);
    expect(pooled[4]).toBeLessThan(12);
  });

  it('looks at one role at a time', () => {
    const noisy = [1, 1.1, 0.9].map((value) => weight(value, 0.5, 'attention.q'));
    const large = [100, 110, 90].map((value) => weight(value, 50, 'mlp.up'));
    const pooled = pooledWeights([...noisy, ...large]);
    expect(pooled[0]).toBeLessThan(1.2);
    expect(pooled[3]).toBeGreaterThan(80);
  });

  it('leaves zeros, weights without an error and small pools alone', () => {
    const measured = [weight(0, 0), weight(3, Number.NaN), weight(5, 0), weight(1, 0.5), weight(2, 1.5)];
    expect([...pooledWeights(measured)]).toEqual([0, 3, 5, 1, 2]);
    expect(pooledWeights([])).toHaveLength(0);
  });

  it('comes nearer to the truth than the measurements do', () => {
    const random = seeded(11);
    let [raw, pooled] = [0, 0];
    for (let trial = 0; trial < 50; trial++) {
      const truth = Array.from({ length: 12 }, () => Math.exp(0.3 * normal(random)));
      const measured = truth.map((value) => {
        const relative = 0.1 + 0.8 * random();
        const found = value * Math.exp(relative * normal(random));
        return weight(found, relative * found);
      });
      raw += distance(
        measured.map(({ value }) => value),
        truth,
      );
      pooled += distance(pooledWeights(measured), truth);
    }
    // The posterior mean's expected square error is v τ² / (v + τ²): 0.25 on average here is 0.07.
    expect(pooled).toBeLessThan(0.45 * raw);
  });
});

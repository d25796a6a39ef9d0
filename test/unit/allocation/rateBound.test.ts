import { describe, expect, it } from 'vitest';
import { type BoundTensor, rateAt, rateBound } from '../../../core/allocation/rateBound.ts';
import { seeded } from './instances.ts';

const size = { fixedBytes: 1000, parameters: 60_000, maxBytes: 1e9 };
const random = seeded(7);
const tensors: BoundTensor[] = Array.from({ length: 12 }, () => {
  return { weight: 10 ** (4 * random() - 3), elements: 1000 * (1 + Math.floor(9 * random())) };
});

describe('reverse water-filling', () => {
  it('gives one tensor the distortion-rate function itself', () => {
    const curve = rateBound([{ weight: 3, elements: 8000 }], { fixedBytes: 100, parameters: 8000, maxBytes: 9000 });
    expect(curve[0]).toEqual({ bytes: 100, bitsPerWeight: 0.1, damage: 3 });
    for (const { bytes, damage } of curve) {
      const rate = (bytes - 100) / 1000;
      expect(damage).toBeCloseTo(3 * 2 ** (-2 * rate), 9);
    }
    const last = curve.at(-1)?.bytes ?? 0;
    expect(last).toBeLessThanOrEqual(9000);
    expect(last).toBeGreaterThan(8800);
  });

  it('has equal marginal damage on every tensor with a rate, and no rate where a bit saves less', () => {
    const marginals = tensors.map(({ weight, elements }) => (2 * Math.LN2 * weight) / elements);
    const lambda = marginals.toSorted((a, b) => a - b)[5] ?? 0;
    let some = 0;
    let none = 0;
    for (const tensor of tensors) {
      const rate = rateAt(tensor, lambda);
      const marginal = (2 * Math.LN2 * tensor.weight * 2 ** (-2 * rate)) / tensor.elements;
      if (rate > 0) {
        some++;
        expect(marginal / lambda).toBeCloseTo(1, 9);
      } else {
        none++;
        expect(marginal).toBeLessThanOrEqual(lambda);
      }
    }
    expect(Math.min(some, none)).toBeGreaterThan(0);
  });

  it('falls, is convex, and no other split of the same bits does better', () => {
    const curve = rateBound(tensors, size);
    let slopeBefore = Number.NEGATIVE_INFINITY;
    for (const [at, point] of curve.entries()) {
      const before = curve[at - 1];
      if (before === undefined) continue;
      expect(point.bytes).toBeGreaterThanOrEqual(before.bytes);
      const slope = (point.damage - before.damage) / (point.bytes - before.bytes);
      expect(slope).toBeLessThan(0);
      expect(slope).toBeGreaterThanOrEqual(slopeBefore * (1 + 1e-9));
      slopeBefore = slope;
    }
    const { bytes, damage } = curve[40] ?? { bytes: 0, damage: 0 };
    const bits = (bytes - size.fixedBytes) * 8;
    for (let trial = 0; trial < 200; trial++) {
      const shares = tensors.map(() => random() ** 3);
      const total = shares.reduce((sum, share) => sum + share, 0);
      const other = tensors.reduce((sum, { weight, elements }, t) => {
        const rate = (bits * (shares[t] ?? 0)) / total / elements;
        return sum + weight * 2 ** (-2 * rate);
      }, 0);
      expect(other).toBeGreaterThanOrEqual(damage * (1 - 1e-12));
    }
  });

  it('leaves out tensors without a weight, and is empty without any', () => {
    const dead = { weight: 0, elements: 5000 };
    expect(rateBound([dead], size)).toEqual([]);
    expect(rateBound([...tensors, dead], size)).toEqual(rateBound(tensors, size));
  });
});

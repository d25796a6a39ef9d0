import { describe, expect, it } from 'vitest';
import { energyCurve } from '../../../webview/charts/EnergyCurve.tsx';
import { topShare, valuesHolding } from '../../../webview/charts/topShare.ts';

describe('concentration of figures', () => {
  it('is the share of the largest, at least one of them', () => {
    expect(topShare(Float32Array.of(1, 2, 3, 4), 0.5)).toBeCloseTo(0.7, 12);
    expect(topShare(Float32Array.of(1, 2, 3, 4), 0.01)).toBeCloseTo(0.4, 12);
    const flat = new Float32Array(1000).fill(0.5);
    expect(topShare(flat, 0.01)).toBeCloseTo(0.01, 12);
  });

  it('counts zeros as columns, and leaves broken figures out of the sum', () => {
    expect(topShare(Float32Array.of(0, 0, 0, 8), 0.25)).toBe(1);
    expect(topShare(Float32Array.of(Number.NaN, 6, 2, Infinity), 0.25)).toBeCloseTo(0.75, 12);
    expect(topShare(new Float32Array(4), 0.25)).toBeNaN();
    expect(topShare(new Float32Array(0), 0.25)).toBeNaN();
  });

  it('tells how few hold a part', () => {
    expect(valuesHolding(Float32Array.of(1, 5, 1, 1, 2), 0.5)).toBe(1);
    expect(valuesHolding(Float32Array.of(1, 1, 1, 1), 0.5)).toBe(2);
    expect(valuesHolding(new Float32Array(3), 0.5)).toBe(0);
  });

  it('draws it as a curve from nothing to everything, bending left', () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => (i === 7 ? 1000 : 1));
    const curve = energyCurve(values, 50);
    expect(curve[0]).toEqual({ columns: 0, energy: 0 });
    expect(curve[1]?.columns).toBeCloseTo(0.001, 12);
    expect(curve[1]?.energy).toBeCloseTo(1000 / 1999, 12);
    expect(curve.at(-1)).toEqual({ columns: 1, energy: 1 });
    expect(curve.every((point, i) => i === 0 || point.energy >= (curve[i - 1]?.energy ?? 0))).toBe(true);
    expect(curve.length).toBeLessThan(80);
    expect(energyCurve(new Float32Array(5), 50)).toEqual([]);
  });
});

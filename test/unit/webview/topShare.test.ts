import { describe, expect, it } from 'vitest';
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
});

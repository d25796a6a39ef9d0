// Grids of groups: what is promised of every weight, and the range search against all ranges in float64.

import { describe, expect, it } from 'vitest';
import { affineGrid, codeOf, type GridSettings, levelOf, RANGES } from '../../../core/quant/gptq/affineGrid.ts';
import { quantizerInput } from '../../fixtures/quantizerInputs.ts';

const GROUP = 64;

function errorOf(weights: Float32Array, settings: GridSettings, grid = affineGrid(weights, settings)): number {
  return weights.reduce((sum, w) => sum + (w - levelOf(codeOf(w, grid, settings), grid)) ** 2, 0);
}

describe.each([2, 3, 4, 8])('%i bits', (bits) => {
  it.each([false, true])('every weight is half a step from its level, symmetric %s', (symmetric) => {
    for (const input of ['gaussian', 'oneOutlier', 'negativeOnly', 'positiveOnly', 'ties', 'tiny'] as const) {
      const weights = quantizerInput(input, GROUP);
      const settings = { bits, symmetric, rangeSearch: false };
      const grid = affineGrid(weights, settings);
      // The zero point is whole: ends may lie half a step outside, symmetric ones a whole one. Quotients up to 128 are
      // rounded to float32.
      for (const w of weights) {
        const code = codeOf(w, grid, settings);
        const inside = code > 0 && code < 2 ** bits - 1;
        const most = grid.scale * (inside ? 0.5 : 1) * (1 + 2 ** -15);
        expect(Math.abs(w - levelOf(code, grid)), `${input} ${w}`).toBeLessThanOrEqual(most);
      }
      expect(codeOf(0, grid, settings)).toBe(grid.zero);
    }
  });

  it('no range of the search does better in float64', () => {
    for (const input of ['gaussian', 'heavyTailed', 'oneOutlier'] as const)
      for (const symmetric of [false, true]) {
        const weights = quantizerInput(input, GROUP);
        const found = errorOf(weights, { bits, symmetric, rangeSearch: true });
        for (const range of RANGES) {
          const ends = Float32Array.of(range * Math.min(0, ...weights), range * Math.max(0, ...weights));
          const grid = affineGrid(ends, { bits, symmetric, rangeSearch: false });
          // Sums of 64 squares in float32.
          expect(found).toBeLessThanOrEqual(
            errorOf(weights, { bits, symmetric, rangeSearch: true }, grid) * (1 + 2 ** -17),
          );
        }
      }
  });
});

it('one outlier among many makes the range narrower', () => {
  const weights = Float32Array.from({ length: 512 }, (_, i) => (i === 9 ? 1 : Math.sin(i) / 8));
  const settings = { bits: 3, symmetric: false, rangeSearch: false };
  const full = affineGrid(weights, settings);
  const searched = affineGrid(weights, { ...settings, rangeSearch: true });
  expect(searched.scale).toBeLessThan(full.scale);
  expect(errorOf(weights, settings, searched)).toBeLessThan(errorOf(weights, settings, full));
});

it('groups of zeros keep a scale', () => {
  for (const symmetric of [false, true]) {
    const settings = { bits: 4, symmetric, rangeSearch: true };
    const grid = affineGrid(new Float32Array(8), settings);
    expect(grid.scale).toBe(1);
    expect(levelOf(codeOf(0, grid, settings), grid)).toBe(0);
  }
});

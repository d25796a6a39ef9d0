import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampledGroup, sampleRows } from '../../../core/sensitivity/rowSample.ts';

const all = (sample: ReturnType<typeof sampleRows>): number[] =>
  Array.from({ length: sample.taken }, (_, k) => sampledGroup(sample, k));

describe('sampleRows', () => {
  it('takes every row of a tensor within the limit', () => {
    expect(all(sampleRows('BF16', 5, 100, 500))).toEqual([0, 1, 2, 3, 4]);
    expect(all(sampleRows('F32', 3, 100, Number.POSITIVE_INFINITY))).toEqual([0, 1, 2]);
  });

  it('spaces rows evenly and takes at least one', () => {
    expect(all(sampleRows('F32', 10, 100, 450))).toEqual([0, 2, 5, 7]);
    expect(all(sampleRows('F32', 10, 100, 99))).toEqual([0]);
  });

  it('keeps rows together where one alone does not fill whole storage blocks', () => {
    expect(sampleRows('F6_E2M3', 8, 6, 1000)).toEqual({ groupRows: 2, groups: 4, taken: 4 });
    expect(sampleRows('F4', 3, 8, 1000)).toEqual({ groupRows: 1, groups: 3, taken: 3 });
  });

  it('never repeats a row, leaves the tensor or exceeds the limit', () => {
    const whole = (max: number) => fc.integer({ min: 1, max });
    fc.assert(
      fc.property(whole(5000), whole(300), whole(100_000), (rows, columns, limit) => {
        const groups = all(sampleRows('BF16', rows, columns, limit));
        expect(new Set(groups).size).toBe(groups.length);
        expect(Math.max(...groups)).toBeLessThan(rows);
        expect(groups.length * columns <= limit || groups.length === 1).toBe(true);
      }),
      { numRuns: 200, seed: 1 },
    );
  });
});

import { describe, expect, it } from 'vitest';
import { groupScales, type PlanObservation } from '../../../core/allocation/groupScales.ts';

const plan = (contributions: Record<string, number>, measured: number, error = 0): PlanObservation => {
  return { contributions: new Map(Object.entries(contributions)), measured, error };
};

describe('groupScales', () => {
  it('is one factor where all plans are off by it', () => {
    const scales = groupScales([
      plan({ up: 1, down: 3 }, 6),
      plan({ up: 2, down: 1 }, 4.5),
      plan({ up: 5, down: 5 }, 15),
    ]);
    for (const scale of scales.values()) expect(scale).toBeCloseTo(1.5, 6);
  });

  it('finds the group whose damage was told wrong', () => {
    const truth = { up: 1, down: 1.4, head: 0.8 };
    const plans = [
      { up: 4, down: 1, head: 1 },
      { up: 1, down: 4, head: 1 },
      { up: 1, down: 1, head: 4 },
      { up: 2, down: 2, head: 2 },
    ].map((own) => plan(own, own.up * truth.up + own.down * truth.down + own.head * truth.head));
    const scales = groupScales(plans);
    for (const [group, scale] of Object.entries(truth)) {
      const found = scales.get(group) ?? 0;
      expect(Math.abs(found - scale)).toBeLessThan(0.1); // 5 % of a plan is taken for the model's own error
    }
    expect(scales.get('down')).toBeGreaterThan(scales.get('head') ?? 0);
  });

  it('leaves what the plans cannot tell apart at the common factor', () => {
    const scales = groupScales([plan({ up: 1, down: 1 }, 3), plan({ up: 2, down: 2 }, 6)]);
    expect(scales.get('up')).toBeCloseTo(1.5, 6);
    expect(scales.get('down')).toBeCloseTo(1.5, 6);
  });

  it('trusts a noisy measurement less', () => {
    const sure = groupScales([plan({ up: 1, down: 0 }, 1), plan({ up: 0, down: 1 }, 2)]);
    const noisy = groupScales([plan({ up: 1, down: 0 }, 1), plan({ up: 0, down: 1 }, 2, 2)]);
    expect(noisy.get('down')).toBeLessThan((sure.get('down') ?? 0) - 0.3);
  });

  it('gives no group away, and is 1 without a measurement', () => {
    const scales = groupScales([
      plan({ up: 1, down: 9 }, 9),
      plan({ up: 9, down: 0 }, 0.01),
      plan({ up: 9, down: 9 }, 9),
    ]);
    expect(scales.get('up')).toBeGreaterThan(0);
    expect([...groupScales([plan({ up: 1 }, 0)]).values()]).toEqual([]);
    expect([...groupScales([plan({ up: 0 }, 1)]).values()]).toEqual([1]);
  });
});

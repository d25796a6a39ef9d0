import { describe, expect, it } from 'vitest';
import { KNOWN_MIXES, knownPlans, landmarkOf } from '../../../core/allocation/knownPlans.ts';
import { measureItems } from '../../../core/allocation/measuredItems.ts';
import { MAX_CURVE_POINTS, paretoCurve } from '../../../core/allocation/pareto.ts';
import { buildProblem } from '../../../core/allocation/problem.ts';
import { solveAllocation } from '../../../core/allocation/solve.ts';
import { isQuantizable, storedType } from '../../../core/quant/ggufTypes.ts';
import { model, request, size } from './model.ts';

const { tensors, rows } = model();
const problem = buildProblem(tensors, rows, size, request);

describe('paretoCurve', () => {
  it('is convex, falls, and starts at the smallest file', () => {
    const curve = paretoCurve(problem);
    expect(curve.length).toBeGreaterThan(10);
    expect(curve[0]?.bytes).toBe(solveAllocation({ ...problem, targetBytes: 1e9 }).feasible.minBytes);
    let slopeBefore = Number.NEGATIVE_INFINITY;
    for (let k = 1; k < curve.length; k++) {
      const a = curve[k - 1];
      const b = curve[k];
      if (a === undefined || b === undefined) continue;
      expect(b.bytes).toBeGreaterThan(a.bytes);
      const slope = (b.damage - a.damage) / (b.bytes - a.bytes);
      expect(slope).toBeLessThanOrEqual(0);
      expect(slope).toBeGreaterThanOrEqual(slopeBefore - 1e-15);
      slopeBefore = slope;
    }
  });

  it('passes through exact solutions: each vertex is the best plan of its size', () => {
    for (const { bytes, damage } of paretoCurve(problem)) {
      const solved = solveAllocation({ ...problem, targetBytes: bytes });
      expect(Math.abs(solved.damage - damage)).toBeLessThanOrEqual(1e-12 + 1e-9 * damage);
    }
  });

  it('shows at most the points asked for, both ends among them', () => {
    const large = model(1500);
    const big = buildProblem(large.tensors, large.rows, size, request);
    const all = paretoCurve(problem, undefined, 1000);
    const curve = paretoCurve(big);
    expect(curve.length).toBeGreaterThan(100);
    expect(curve.length).toBeLessThanOrEqual(MAX_CURVE_POINTS);
    expect(paretoCurve(problem, undefined, 5).length).toBeLessThanOrEqual(5);
    expect(paretoCurve(problem, undefined, 5)[0]).toEqual(all[0]);
    expect(paretoCurve(problem, undefined, 5).at(-1)).toEqual(all.at(-1));
  });

  it('puts known plans on or above the curve', () => {
    const planned = tensors.filter(isQuantizable);
    const items = measureItems(planned, rows, size, request.choices);
    const facts = { architecture: 'llama', layers: 6, queriesPerKey: 1, experts: 0, expertsUsed: 0, is70B: false };
    const plans = knownPlans(tensors, request.choices, facts, false);
    const landmarks = plans.map((plan) => landmarkOf(problem, items, plan));
    expect(landmarks.map(({ label }) => label)).toEqual([
      ...request.choices,
      ...KNOWN_MIXES.map((mix) => `${mix} mix`),
    ]);
    expect(knownPlans(tensors, ['Q4_K'], null, false).map(({ label }) => label)).toEqual(['Q4_K']);
    const q4k = landmarks.find(({ label }) => label === 'Q4_K');
    // Rows of 288 store Q5_0 for Q4_K.
    const bytes = planned.map(({ shape }) =>
      size.paddedBytes(shape[0] ?? 0, shape[1] ?? 0, storedType('Q4_K', shape[1] ?? 0)),
    );
    expect(q4k?.bytes).toBe(bytes.reduce((sum, each) => sum + each, size.fixedBytes));
    for (const landmark of landmarks) {
      const solved = solveAllocation({ ...problem, targetBytes: landmark.bytes });
      expect(solved.damage).toBeLessThanOrEqual(landmark.damage * (1 + 1e-12));
    }
  });
});

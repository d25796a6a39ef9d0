import { describe, expect, it } from 'vitest';
import { adoptedSolution, atLeast, damageByRole, scaledProblem } from '../../../core/allocation/otherProblems.ts';
import { buildProblem } from '../../../core/allocation/problem.ts';
import { planSolution } from '../../../core/allocation/solution.ts';
import { storedType } from '../../../core/quant/ggufTypes.ts';
import { bitsPerElement } from '../../../core/tensor/dtype.ts';
import { model, request, size } from './model.ts';

const { tensors, rows } = model();
const problem = buildProblem(tensors, rows, size, { ...request, targetBytes: 500_000 });
const solved = planSolution(problem);
const uniform = Object.fromEntries(problem.items.map(({ name, columns }) => [name, storedType('Q4_K', columns)]));
const bound = solved.damage * (1 - solved.gap);
const told = { why: 'because', bound, feasible: solved.feasible };

describe('other problems', () => {
  it('scale the damage of roles, and with it the solution', () => {
    const queries = scaledProblem(problem, new Map([['attention.q', 100]]));
    const before = damageByRole(problem, uniform);
    const after = damageByRole(queries, uniform);
    expect((after?.get('attention.q') ?? 0) / (before?.get('attention.q') ?? 1)).toBeCloseTo(100, 9);
    expect(after?.get('mlp.down')).toBe(before?.get('mlp.down'));
    const bits = (tensorsOf: typeof solved.tensors): number =>
      Object.entries(tensorsOf).reduce(
        (sum, [name, { type }]) => sum + (name.endsWith('.q') ? bitsPerElement(type) : 0),
        0,
      );
    expect(bits(planSolution(queries).tensors)).toBeGreaterThan(bits(solved.tensors));
  });

  it('scale members of a group each by its own role', () => {
    const grouped = buildProblem(tensors, rows, size, { ...request, agree: ['qkv'] });
    expect(damageByRole(scaledProblem(grouped, new Map()), uniform)).toEqual(damageByRole(grouped, uniform));
  });

  it('take a known plan over: its types, bytes and damage, and how far from the best it is', () => {
    const adopted = adoptedSolution({ ...problem, targetBytes: 1e9 }, uniform, told);
    expect(Object.fromEntries(Object.entries(adopted?.tensors ?? {}).map(([name, { type }]) => [name, type]))).toEqual(
      uniform,
    );
    const bytes = Object.values(adopted?.tensors ?? {}).reduce((sum, tensor) => sum + tensor.bytes, size.fixedBytes);
    expect(adopted?.bytes).toBe(bytes);
    expect(adopted?.gap).toBeCloseTo(1 - bound / (adopted?.damage ?? 1), 9);
    expect(adoptedSolution({ ...problem, targetBytes: bytes - 1 }, uniform, told)).toBeNull();
  });

  it('do not take over what rules forbid or choices lack', () => {
    const lock = { pattern: 'blk\\.2\\.q', type: 'Q8_0' } as const;
    const locked = buildProblem(tensors, rows, size, { ...request, locks: [lock], targetBytes: 1e9 });
    expect(adoptedSolution(locked, uniform, told)).toBeNull();
    const few = buildProblem(tensors, rows, size, { ...request, choices: ['Q6_K', 'Q8_0'], targetBytes: 1e9 });
    expect(adoptedSolution(few, uniform, told)).toBeNull();
    expect(damageByRole(few, uniform)).toBeNull();
  });

  it('spend what a known plan leaves of the budget, taking nothing away', () => {
    const smaller = Object.fromEntries(problem.items.map(({ name, columns }) => [name, storedType('Q3_K', columns)]));
    const filled = planSolution(atLeast(problem, smaller));
    const adopted = adoptedSolution(problem, smaller, told);
    expect(filled.bytes).toBeLessThanOrEqual(problem.targetBytes);
    expect(filled.bytes).toBeGreaterThan(adopted?.bytes ?? 0);
    expect(filled.damage).toBeLessThan(adopted?.damage ?? 0);
    expect(filled.damage).toBeGreaterThanOrEqual(solved.damage * (1 - 1e-12));
    for (const [name, { bytes }] of Object.entries(filled.tensors))
      expect(bytes).toBeGreaterThanOrEqual(adopted?.tensors[name]?.bytes ?? 0);
  });
});

import { describe, expect, it } from 'vitest';
import { buildProblem, bytesForBitsPerWeight } from '../../../core/allocation/problem.ts';
import { planSolution } from '../../../core/allocation/solution.ts';
import { isQuantscopeError } from '../../../core/base/errors.ts';
import type { PlanRequest } from '../../../core/protocol/plan.ts';
import { model, request, size } from './model.ts';

function codeOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    return isQuantscopeError(error) ? `${error.code}: ${error.message}` : String(error);
  }
  return 'no error';
}

const { tensors, rows } = model();
const build = (change: Partial<PlanRequest>) => buildProblem(tensors, rows, size, { ...request, ...change });
const typeOf = (change: Partial<PlanRequest>, name: string) =>
  planSolution(build({ targetBytes: 1e9, ...change })).tensors[name] ?? {
    type: 'none',
    why: '',
    bytes: 0,
    relativeError: 0,
  };

describe('buildProblem', () => {
  it('plans matrices only, and counts every element in bits per weight', () => {
    const problem = build({});
    expect(problem.items.map(({ name }) => name)).toEqual(tensors.filter((t) => t.role !== 'norm').map((t) => t.name));
    expect(problem.parameters).toBe(tensors.reduce((sum, { elements }) => sum + elements, 0));
    expect(bytesForBitsPerWeight(4.5, 1000)).toBe(562);
  });

  it('stores the fallback once where two types fall back to the same one', () => {
    const item = build({ choices: ['Q4_K', 'Q5_0', 'Q6_K'] }).items.find(({ columns }) => columns === 288);
    expect(item?.choices.map(({ type, stored }) => `${type}>${stored}`)).toEqual(['Q4_K>Q5_0', 'Q6_K>Q8_0']);
  });

  it('uses padded bytes', () => {
    const item = build({ choices: ['Q4_0'] }).items.find(({ columns }) => columns === 288);
    expect(item?.choices[0]?.bytes).toBe(Math.ceil((3 * 9 * 18) / 32) * 32);
  });

  it('lets later locks win over earlier ones, pins over locks, locks over minimums, and says so', () => {
    const locks = [
      { pattern: 'down', type: 'Q8_0' },
      { pattern: 'blk\\.1\\.', type: 'Q4_0' },
    ] as const;
    const minimums = [{ role: 'mlp.down', type: 'Q6_K' }] as const;
    const change = { locks: [...locks], minimums: [...minimums], pins: [{ name: 'blk.2.down', type: 'F16' } as const] };
    expect(typeOf(change, 'blk.0.down').type).toBe('Q8_0');
    expect(typeOf(change, 'blk.1.down').type).toBe('Q4_0');
    expect(typeOf(change, 'blk.1.down').why).toBe(
      'Fixed by lock blk\\.1\\.=Q4_0, over the earlier lock down=Q8_0, which wins over the minimum Q6_K of its role.',
    );
    expect(typeOf(change, 'blk.2.down').type).toBe('F16');
    expect(typeOf(change, 'blk.2.down').why).toContain('Fixed by pin blk.2.down=F16, over the earlier lock down=Q8_0');
  });

  it('allows a locked type that is not among the choices', () => {
    expect(typeOf({ choices: ['Q4_0'], locks: [{ pattern: '^blk.3', type: 'Q8_0' }] }, 'blk.3.q').type).toBe('Q8_0');
  });

  it('keeps a role at its minimum or above, the later minimum winning', () => {
    const minimums = [
      { role: 'attention.q', type: 'Q8_0' },
      { role: 'attention.q', type: 'Q5_K' },
    ] as const;
    const tight = planSolution(build({ minimums: [...minimums], targetBytes: 1e9 }));
    const { minBytes } = tight.feasible;
    const least = planSolution(build({ minimums: [...minimums], targetBytes: minBytes }));
    expect(least.bytes).toBe(minBytes);
    expect(least.tensors['blk.0.q']?.type).toBe('Q5_0'); // also 5.5 bits per weight, and earlier among the choices
    expect(least.tensors['blk.0.q']?.why).toContain('Held up by the minimum Q5_K of attention.q.');
    expect(least.tensors['blk.0.down']?.type).toBe('Q2_K');
    const only = planSolution(build({ choices: ['Q4_0'], minimums: [{ role: 'attention.q', type: 'Q6_K' }] }));
    expect(only.tensors['blk.0.q']?.type).toBe('Q6_K');
  });

  it('names the rule that matched nothing or cannot be read', () => {
    expect(codeOf(() => build({ locks: [{ pattern: 'nope', type: 'Q8_0' }] }))).toBe(
      `LOCK_MATCHED_NOTHING: lock nope=Q8_0: matches none of the ${build({}).items.length} quantizable tensors`,
    );
    expect(codeOf(() => build({ locks: [{ pattern: 'norm', type: 'Q8_0' }] }))).toContain('LOCK_MATCHED_NOTHING');
    expect(codeOf(() => build({ pins: [{ name: 'blk.0', type: 'Q8_0' }] }))).toContain('pin blk.0=Q8_0');
    expect(codeOf(() => build({ minimums: [{ role: 'expert.up', type: 'Q8_0' }] }))).toContain(
      'minimum expert.up=Q8_0',
    );
    expect(codeOf(() => build({ locks: [{ pattern: '(', type: 'Q8_0' }] }))).toMatch(/^PATTERN_INVALID: lock \(=Q8_0/);
  });

  it('refuses to plan on a damage that was not measured', () => {
    const without = rows.map((row) => (row.tensor === 1 ? { ...row, damages: row.damages.slice(0, 2) } : row));
    expect(codeOf(() => buildProblem(tensors, without, size, request))).toMatch(
      /^PLAN_INVALID: blk\.0\.q: the damage of/,
    );
  });

  it('keeps tensors with NaN as floats and leaves unusable single choices out', () => {
    const broken = rows.map((row) => ({
      ...row,
      damages: row.damages.map((damage) =>
        row.tensor === 1 || (row.tensor === 2 && damage.stored === 'F16')
          ? { ...damage, relativeError: Number.NaN }
          : damage,
      ),
    }));
    const solution = planSolution(buildProblem(tensors, broken, size, { ...request, targetBytes: 1e9 }));
    expect(solution.tensors['blk.0.q']?.type).toBe('F16');
    expect(solution.tensors['blk.0.q']?.why).toContain('NaN or infinite');
    expect(solution.tensors['blk.0.down']?.type).toBe('Q8_0');
    expect(Number.isFinite(solution.damage)).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { frontierOf } from '../../../core/allocation/frontier.ts';
import { buildProblem } from '../../../core/allocation/problem.ts';
import { solveAllocation } from '../../../core/allocation/solve.ts';
import { explain } from '../../../core/allocation/why.ts';
import { model, request, size } from './model.ts';

const { tensors, rows } = model();

describe('explain', () => {
  it('names the neighbours by what they really cost', () => {
    const problem = buildProblem(tensors, rows, size, { ...request, targetBytes: 500_000 });
    const allocation = solveAllocation(problem);
    const why = explain(problem, allocation);
    let checked = 0;
    for (const [i, item] of problem.items.entries()) {
      const chosen = item.choices[allocation.chosen[i] ?? 0];
      const up = /stepping up to (\w+) costs ([\d.]+) kB for (\S+) less damage/.exec(why(i));
      const choice = item.choices.find(({ stored }) => stored === up?.[1]);
      if (up === null || choice === undefined || chosen === undefined) continue;
      checked++;
      expect(Number(up[2])).toBeCloseTo((choice.bytes - chosen.bytes) / 1000, 1);
      const rates = item.choices.map((c) =>
        c.bytes > chosen.bytes ? (chosen.damage - c.damage) / (c.bytes - chosen.bytes) : 0,
      );
      expect((chosen.damage - choice.damage) / (choice.bytes - chosen.bytes)).toBe(Math.max(...rates));
      expect(Number(up[3]) / (chosen.damage - choice.damage)).toBeCloseTo(1, 1);
      if (why(i).includes('of the budget are left'))
        expect(choice.bytes - chosen.bytes).toBeGreaterThan(500_000 - allocation.bytes);
      else expect(why(i)).toMatch(/each byte spent elsewhere saves more \(least on (blk\.\d\.\w+|odd)\)/);
    }
    expect(checked).toBeGreaterThan(5);
  });

  it('says when nothing larger helps, and what a fallback stands in for', () => {
    const problem = buildProblem(tensors, rows, size, { ...request, choices: ['Q4_K'], targetBytes: 1e9 });
    const why = explain(problem, solveAllocation(problem));
    expect(why(0)).toBe('Q4_K: no larger type damages it less.');
    expect(why(problem.items.length - 1)).toBe(
      'Q5_0 stands in for Q4_K, since rows of 288 do not divide into blocks of 256. Q5_0: no larger type damages it less.',
    );
  });

  it('explains 10,000 tensors within half a second', () => {
    const large = model(5000);
    const problem = buildProblem(large.tensors, large.rows, size, { ...request, targetBytes: 400e6 });
    const allocation = solveAllocation(problem, frontierOf(problem.items));
    const started = performance.now();
    const why = explain(problem, allocation);
    const empty = problem.items.filter((_, i) => why(i).length === 0);
    expect(empty).toEqual([]);
    expect(performance.now() - started).toBeLessThan(500); // a fifth of it when alone
  });
});

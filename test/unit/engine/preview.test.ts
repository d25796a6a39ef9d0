import { describe, expect, it } from 'vitest';
import { frontierOf } from '../../../core/allocation/frontier.ts';
import { planSolution } from '../../../core/allocation/solution.ts';
import { previewPlan } from '../../../core/engine/preview.ts';
import { UNPLANNED, zPreview } from '../../../core/protocol/plan.ts';
import { solutionOf } from '../../../webview/app/explainer.ts';
import { problemOf, seeded } from '../allocation/instances.ts';

describe('preview', () => {
  it('is the solution without names and reasons, by tensor index', () => {
    const random = seeded(5);
    const table = Array.from({ length: 200 }, () =>
      Array.from({ length: 6 }, (_, j) => [100 * (j + 1), random() * 4 ** -j] as const),
    );
    const problem = problemOf(table, 70_000, 500);
    // Two tensors no plan touches stand between and behind.
    const names = [...problem.items.map(({ name }) => name)];
    names.splice(7, 0, 'norm');
    names.push('__proto__');
    const indexOf = new Map(names.map((name, i) => [name, i]));
    const preview = previewPlan(problem, frontierOf(problem.items), names.length, indexOf);
    zPreview.parse(preview);
    expect([preview.types[7], preview.types.at(-1)]).toEqual([UNPLANNED, UNPLANNED]);
    const { solveMs: _, ...whole } = planSolution(problem);
    const shown = solutionOf(preview, names);
    const silent = Object.fromEntries(Object.entries(whole.tensors).map(([name, a]) => [name, { ...a, why: '' }]));
    expect(shown).toEqual({ ...whole, tensors: silent });
    expect(Object.keys(shown.tensors)).toHaveLength(200);
  });
});

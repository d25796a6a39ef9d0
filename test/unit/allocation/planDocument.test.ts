import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makePlan, parsePlan, planJsonSchema, serializePlan } from '../../../core/allocation/planDocument.ts';
import { matchPlan } from '../../../core/allocation/planMatch.ts';
import { buildProblem } from '../../../core/allocation/problem.ts';
import { planSolution } from '../../../core/allocation/solution.ts';
import { isQuantscopeError } from '../../../core/base/errors.ts';
import { model, request, size } from './model.ts';

const { tensors, rows } = model();
const checkpoint = { name: 'sample', fingerprint: 'abc', tensors };
const { solveMs: _, ...solution } = planSolution(buildProblem(tensors, rows, size, request));
const plan = makePlan(checkpoint, request, solution);

function failure(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (isQuantscopeError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'no error';
}

describe('plan document', () => {
  it('round-trips, key order and newline included', () => {
    const text = serializePlan(plan);
    expect(text.endsWith('}\n')).toBe(true);
    expect(parsePlan(text, 'a.quantplan.json')).toEqual(plan);
    const shuffled = JSON.parse(text, (_, value) =>
      value !== null && typeof value === 'object' && !Array.isArray(value) && 'kind' in value
        ? Object.fromEntries(Object.entries(value).reverse())
        : value,
    );
    expect(serializePlan(shuffled)).toBe(text);
  });

  it('spells out a figure that is not finite', () => {
    const broken = structuredClone(plan);
    const row = broken.solution.tensors['blk.0.q'];
    if (row !== undefined) row.relativeError = Number.NaN;
    expect(parsePlan(serializePlan(broken), 'x').solution.tensors['blk.0.q']?.relativeError).toBeNaN();
  });

  it('refuses a tensor called __proto__, which validation would drop', () => {
    const solution = { ...plan.solution, tensors: Object.fromEntries([['__proto__', plan.solution.tensors.odd]]) };
    const text = serializePlan({ ...plan, solution } as typeof plan);
    expect(text).toContain('"__proto__"');
    expect(failure(() => parsePlan(text, 'p'))).toContain('PLAN_INVALID p: "__proto__"');
  });

  it('names the place that is wrong', () => {
    expect(failure(() => parsePlan('{', 'p.json'))).toMatch(/^PLAN_INVALID p\.json: not JSON/);
    expect(failure(() => parsePlan('[]', 'p.json'))).toMatch(/^PLAN_INVALID p\.json: the document: /);
    const version = JSON.stringify({ ...plan, version: 9 });
    expect(failure(() => parsePlan(version, 'p.json'))).toMatch(/^PLAN_INVALID p\.json: version: /);
    const tensors = { 'blk.0.q': { ...plan.solution.tensors['blk.0.q'], type: 'Q9_K' } };
    const type = JSON.stringify({ ...plan, solution: { ...plan.solution, tensors } });
    expect(failure(() => parsePlan(type, 'p.json'))).toMatch(
      /^PLAN_INVALID p\.json: solution\.tensors\.blk\.0\.q\.type/,
    );
  });

  it('matches the checkpoint it was made for, and warns about another fingerprint', () => {
    expect(matchPlan(plan, checkpoint, 'p')).toEqual([]);
    const [warning] = matchPlan(plan, { ...checkpoint, fingerprint: 'def' }, 'p');
    expect(warning).toContain('made for sample abc');
  });

  it('names the first tensor that only one of plan and checkpoint has', () => {
    const fewer = { ...checkpoint, tensors: tensors.filter(({ name }) => name !== 'blk.2.q') };
    expect(failure(() => matchPlan(plan, fewer, 'p'))).toBe(
      'PLAN_MISMATCH p: does not fit sample: blk.2.q is not in it',
    );
    const { odd: _, ...without } = plan.solution.tensors;
    const smaller = { ...plan, solution: { ...plan.solution, tensors: without } };
    expect(failure(() => matchPlan(smaller, checkpoint, 'p'))).toBe(
      'PLAN_MISMATCH p: does not fit sample: odd is not in the plan',
    );
    const normed = { ...without, norm: plan.solution.tensors.odd };
    expect(
      failure(() =>
        matchPlan({ ...plan, solution: { ...plan.solution, tensors: normed } } as typeof plan, checkpoint, 'p'),
      ),
    ).toContain('norm cannot be quantized');
  });

  it('has a checked-in JSON Schema that is current (node scripts/planSchema.ts writes it)', () => {
    const stored: unknown = JSON.parse(
      readFileSync(new URL('../../../media/quantplan.schema.json', import.meta.url), 'utf8'),
    );
    expect(stored).toEqual(JSON.parse(JSON.stringify(planJsonSchema())));
  });
});

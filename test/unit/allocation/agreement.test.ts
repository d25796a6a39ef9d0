import { describe, expect, it } from 'vitest';
import { agreementGroups } from '../../../core/allocation/agreement.ts';
import { feasibleInterval } from '../../../core/allocation/feasibleInterval.ts';
import { buildProblem } from '../../../core/allocation/problem.ts';
import { planSolution } from '../../../core/allocation/solution.ts';
import { isQuantscopeError } from '../../../core/base/errors.ts';
import { placeTensors } from '../../../core/model/placeTensors.ts';
import type { SensitivityRow } from '../../../core/protocol/objects.ts';
import type { AgreementKind, PlanRequest } from '../../../core/protocol/plan.ts';
import { GGUF_TARGETS, storedType, targetBytes } from '../../../core/quant/ggufTypes.ts';
import { bitsPerElement } from '../../../core/tensor/dtype.ts';
import { request, size } from './model.ts';

function placed(shapes: Readonly<Record<string, readonly number[]>>) {
  const names = Object.keys(shapes);
  const { placeOf } = placeTensors(names, (index) => shapes[names[index] ?? '']?.length ?? 0, {
    config: null,
    ggufArchitecture: null,
  });
  return names.map((name, index) => {
    const shape = shapes[name] ?? [];
    const elements = shape.reduce((product, side) => product * side, 1);
    return { ...placeOf(index), index, name, dtype: 'BF16' as const, shape, elements };
  });
}

function block(layer: number): Record<string, number[]> {
  const at = `model.layers.${layer}`;
  return {
    [`${at}.self_attn.q_proj.weight`]: [64, 512],
    [`${at}.self_attn.k_proj.weight`]: [32, 512],
    [`${at}.self_attn.v_proj.weight`]: [32, 512],
    [`${at}.self_attn.o_proj.weight`]: [512, 64],
    [`${at}.mlp.gate_proj.weight`]: [96, 512],
    [`${at}.mlp.up_proj.weight`]: [96, 512],
    [`${at}.mlp.down_proj.weight`]: [512, 96],
    [`${at}.input_layernorm.weight`]: [512],
  };
}

const tensors = placed({
  'model.embed_tokens.weight': [100, 512],
  ...block(0),
  ...block(1),
  ...block(2),
  'lm_head.weight': [100, 512],
});
/** Keys are four times as fragile as queries, later layers more than earlier ones. */
const rows = tensors.map(
  (tensor): SensitivityRow => ({
    tensor: tensor.index,
    damages: GGUF_TARGETS.map((type) => {
      const columns = tensor.shape.at(-1) ?? 1;
      const stored = storedType(type, columns);
      const relativeError = (tensor.role === 'attention.k' ? 4 : 1) * (1 + tensor.index) * 4 ** -bitsPerElement(stored);
      return { type, stored, bytes: targetBytes(stored, tensor.elements / columns, columns), relativeError, sqnr: 0 };
    }),
  }),
);
const BUDGET = 520_000;
const solve = (change: Partial<PlanRequest>) =>
  planSolution(buildProblem(tensors, rows, size, { ...request, targetBytes: BUDGET, ...change }));
const names = (groups: readonly (readonly number[])[], of: readonly { name: string }[] = tensors) =>
  groups.map((group) => group.map((at) => of[at]?.name));
const codeOf = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    return isQuantscopeError(error) ? `${error.code}: ${error.message}` : String(error);
  }
  return 'no error';
};

describe('groups', () => {
  it('are q, k and v of a layer; gate and up; embedding and output of one shape', () => {
    expect(names(agreementGroups(tensors, ['qkv']))).toEqual(
      [0, 1, 2].map((layer) => ['q', 'k', 'v'].map((part) => `model.layers.${layer}.self_attn.${part}_proj.weight`)),
    );
    expect(names(agreementGroups(tensors, ['gateUp']))[1]).toEqual(
      ['gate', 'up'].map((part) => `model.layers.1.mlp.${part}_proj.weight`),
    );
    expect(names(agreementGroups(tensors, ['tied']))).toEqual([['model.embed_tokens.weight', 'lm_head.weight']]);
    expect(agreementGroups(tensors, ['qkv', 'gateUp', 'tied'])).toHaveLength(7);
    expect(agreementGroups(tensors, [])).toEqual([]);
  });

  it('are experts of a layer, or gate and up of one expert', () => {
    const experts = placed(
      Object.fromEntries(
        [0, 1].flatMap((layer) =>
          [0, 1, 2].flatMap((expert) =>
            ['gate', 'up', 'down'].map((part) => [
              `model.layers.${layer}.mlp.experts.${expert}.${part}_proj.weight`,
              [8, 32],
            ]),
          ),
        ),
      ),
    );
    expect(agreementGroups(experts, ['experts']).map(({ length }) => length)).toEqual([9, 9]);
    expect(names(agreementGroups(experts, ['gateUp']), experts)).toHaveLength(6);
    expect(agreementGroups(experts, ['gateUp', 'experts']).map(({ length }) => length)).toEqual([9, 9]);
  });

  it('keep two attentions of a layer apart', () => {
    const both = placed(
      Object.fromEntries(
        ['self_attn', 'encoder_attn'].flatMap((attention) =>
          ['q', 'k', 'v'].map((part) => [`model.decoder.layers.0.${attention}.${part}_proj.weight`, [8, 32]]),
        ),
      ),
    );
    expect(agreementGroups(both, ['qkv']).map(({ length }) => length)).toEqual([3, 3]);
  });
});

describe('plans that agree', () => {
  const kinds: AgreementKind[] = ['qkv', 'gateUp', 'tied'];

  it('give one type to each group, at the least damage any such plan has', () => {
    const free = solve({});
    const agreed = solve({ agree: kinds });
    const types = (solved: typeof free, layer: number) =>
      ['q', 'k', 'v'].map((part) => solved.tensors[`model.layers.${layer}.self_attn.${part}_proj.weight`]?.type);
    expect([0, 1, 2].some((layer) => new Set(types(free, layer)).size > 1)).toBe(true);
    for (const layer of [0, 1, 2]) expect(new Set(types(agreed, layer)).size).toBe(1);
    expect(agreed.tensors['lm_head.weight']?.type).toBe(agreed.tensors['model.embed_tokens.weight']?.type);
    expect(agreed.bytes).toBeLessThanOrEqual(BUDGET);
    expect(agreed.damage).toBeGreaterThanOrEqual(free.damage);
    expect(Object.keys(agreed.tensors).toSorted()).toEqual(Object.keys(free.tensors).toSorted());
    const sum = Object.values(agreed.tensors).reduce((total, { damage }) => total + damage, 0);
    expect(sum).toBeCloseTo(agreed.damage, 12);
    const bytes = Object.values(agreed.tensors).reduce((total, tensor) => total + tensor.bytes, size.fixedBytes);
    expect(bytes).toBe(agreed.bytes);
  });

  it('say in whose company a tensor chose', () => {
    const { why = '' } = solve({ agree: kinds }).tensors['model.layers.1.self_attn.k_proj.weight'] ?? {};
    expect(why).toMatch(/^One type together with model\.layers\.1\.self_attn\.q_proj\.weight and 1 more\. /);
  });

  it('take a type fixed for one of them for all, and refuse two', () => {
    const lock = { pattern: 'layers\\.1.*q_proj', type: 'Q8_0' } as const;
    const solved = solve({ agree: kinds, locks: [lock] });
    for (const part of ['q', 'k', 'v']) {
      const tensor = solved.tensors[`model.layers.1.self_attn.${part}_proj.weight`];
      expect(tensor?.type).toBe('Q8_0');
      expect(tensor?.why).toContain('Fixed by lock');
    }
    const other = { name: 'model.layers.1.self_attn.v_proj.weight', type: 'Q4_K' } as const;
    const conflict = { agree: kinds, locks: [lock], pins: [other] };
    const told =
      /^LOCK_CONFLICT: model\.layers\.1.*q_proj\.weight \(lock .*=Q8_0\) and .*v_proj\.weight \(pin .*=Q4_K\)/;
    expect(codeOf(() => solve(conflict))).toMatch(told);
    expect(codeOf(() => feasibleInterval(tensors, size, { ...request, ...conflict }))).toMatch(told);
  });

  it('hold all of them up to the minimum of one role', () => {
    const solved = solve({ agree: kinds, minimums: [{ role: 'attention.v', type: 'Q6_K' }] });
    for (const layer of [0, 1, 2])
      expect(
        bitsPerElement(solved.tensors[`model.layers.${layer}.self_attn.q_proj.weight`]?.type ?? 'Q2_K'),
      ).toBeGreaterThanOrEqual(bitsPerElement('Q6_K'));
  });

  it('name the strictest minimum, and whose it is', () => {
    const minimums: PlanRequest['minimums'] = [
      { role: 'attention.q', type: 'Q4_0' },
      { role: 'attention.v', type: 'Q6_K' },
    ];
    const { feasible } = solve({ agree: kinds, minimums });
    const least = solve({ agree: kinds, minimums, targetBytes: feasible.minBytes });
    const why = least.tensors['model.layers.0.self_attn.q_proj.weight']?.why;
    expect(why).toContain('Held up by the minimum Q6_K of attention.v.');
  });

  it('carry NaN of one of them over in floats of all', () => {
    const broken = rows.map((row) =>
      tensors[row.tensor]?.name !== 'model.layers.0.self_attn.k_proj.weight'
        ? row
        : { ...row, damages: row.damages.map((damage) => ({ ...damage, relativeError: Number.NaN })) },
    );
    const choices: PlanRequest['choices'] = ['Q4_K', 'Q6_K'];
    const solved = planSolution(
      buildProblem(tensors, broken, size, { ...request, choices, targetBytes: 1e9, agree: ['qkv'] }),
    );
    for (const part of ['q', 'k', 'v'])
      expect(solved.tensors[`model.layers.0.self_attn.${part}_proj.weight`]?.type).toBe('F16');
    expect(solved.tensors['model.layers.1.self_attn.k_proj.weight']?.type).toBe('Q6_K');
  });

  it('come to the sizes the interval promises', () => {
    const asked = { ...request, agree: kinds, choices: [...request.choices] };
    // The file's size model stores the fallback of a type, as the exporter's does.
    const paddedBytes: typeof size.paddedBytes = (r, c, type) => size.paddedBytes(r, c, storedType(type, c));
    const feasible = feasibleInterval(tensors, { ...size, paddedBytes }, asked);
    expect(solve({ agree: kinds }).feasible).toEqual(feasible);
    expect(solve({ agree: kinds, targetBytes: feasible.minBytes }).bytes).toBe(feasible.minBytes);
  });

  it('where a matrix is named, and where nothing needs it', () => {
    const weighing: typeof size = {
      ...size,
      importanceBytes: 96,
      isWeighed: (_, stored) => stored !== 'Q8_0' && stored !== 'F16',
      paddedBytes: (r, c, type) => size.paddedBytes(r, c, storedType(type, c)),
    };
    for (const choices of [['Q8_0'], ['F16', 'Q8_0'], ['Q4_0', 'Q8_0'], ['Q4_0', 'Q5_0']] as const) {
      const asked = { ...request, agree: kinds, choices: [...choices], targetBytes: 1e9 };
      const feasible = feasibleInterval(tensors, weighing, asked);
      const solved = planSolution(buildProblem(tensors, rows, weighing, asked));
      expect(solved.feasible).toEqual(feasible);
      const least = { ...asked, targetBytes: feasible.minBytes };
      expect(planSolution(buildProblem(tensors, rows, weighing, least)).bytes).toBe(feasible.minBytes);
      // Q8_0 everywhere does not name the matrix, so that the largest file beside Q4_0 stays below the bound.
      const named = choices.some((type) => weighing.isWeighed({ index: 0, dtype: 'BF16' }, type));
      const unnamed = named && (choices as readonly string[]).includes('Q8_0');
      expect(solved.bytes).toBe(feasible.maxBytes - (unnamed ? 96 : 0));
    }
  });
});

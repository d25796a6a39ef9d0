// Which file sizes a request can come to at all: shapes and rules decide that, before anything is measured.

import { matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import type { PlanRequest } from '../protocol/plan.ts';
import { isQuantizable, storedType } from '../quant/ggufTypes.ts';
import { bitsPerElement } from '../tensor/dtype.ts';
import { agreedTypes, agreementGroups } from './agreement.ts';
import type { SizeModel } from './problem.ts';
import { type Rule, resolveRules } from './rules.ts';
import type { FeasibleBytes } from './solve.ts';

/** @throws LOCK_MATCHED_NOTHING, PATTERN_INVALID, LOCK_CONFLICT */
export function feasibleInterval(
  tensors: readonly Pick<TensorInfo, 'name' | 'role' | 'layer' | 'stack' | 'shape' | 'elements' | 'dtype'>[],
  size: SizeModel,
  request: PlanRequest,
): FeasibleBytes {
  const planned = tensors.filter(isQuantizable);
  const rules = resolveRules(planned, request);
  const groups = agreementGroups(planned, request.agree ?? []);
  const grouped = new Set(groups.flat());
  const alone = [...planned.keys()].filter((at) => !grouped.has(at)).map((at) => [at]);
  let minBytes = size.fixedBytes;
  let maxBytes = size.fixedBytes;
  for (const group of [...groups, ...alone]) {
    const members = group.flatMap((at) => {
      const tensor = planned[at];
      if (tensor === undefined) return [];
      const { rows, columns } = matrixShape(tensor);
      const rule = rules[at] ?? { kind: 'free' as const };
      return [{ name: tensor.name, rule, rows, columns, types: typesLeft(rule, columns, request) }];
    });
    const bytes = agreedTypes(members).map((type) =>
      members.reduce((sum, { rows, columns }) => sum + size.paddedBytes(rows, columns, type), 0),
    );
    minBytes += Math.min(...bytes);
    maxBytes += Math.max(...bytes);
  }
  return { minBytes, maxBytes };
}

function typesLeft(rule: Rule, columns: number, { choices }: PlanRequest): PlanRequest['choices'] {
  if (rule.kind === 'fixed') return [rule.type];
  if (rule.kind === 'free') return choices;
  const least = bitsPerElement(rule.type);
  const enough = choices.filter((type) => bitsPerElement(storedType(type, columns)) >= least);
  return enough.length > 0 ? enough : [rule.type];
}

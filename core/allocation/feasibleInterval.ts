// Which file sizes a request can come to at all: shapes and rules decide that, before anything is measured.

import { matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import type { PlanRequest } from '../protocol/plan.ts';
import { type GgufTarget, isQuantizable, storedType } from '../quant/ggufTypes.ts';
import { bitsPerElement } from '../tensor/dtype.ts';
import { agreedTypes, agreementGroups } from './agreement.ts';
import type { SizeModel } from './problem.ts';
import { type Rule, resolveRules } from './rules.ts';
import type { FeasibleBytes } from './solve.ts';

/** @throws LOCK_MATCHED_NOTHING, PATTERN_INVALID, LOCK_CONFLICT */
export function feasibleInterval(
  tensors: readonly Pick<TensorInfo, 'index' | 'name' | 'role' | 'layer' | 'stack' | 'shape' | 'elements' | 'dtype'>[],
  size: SizeModel,
  request: PlanRequest,
): FeasibleBytes {
  const planned = tensors.filter(isQuantizable);
  const rules = resolveRules(planned, request);
  const groups = agreementGroups(planned, request.agree ?? []);
  const grouped = new Set(groups.flat());
  const alone = [...planned.keys()].filter((at) => !grouped.has(at)).map((at) => [at]);
  let [minBytes, unweighedMin, maxBytes] = [0, 0, 0];
  let isWeighed = false;
  for (const group of [...groups, ...alone]) {
    const members = group.flatMap((at) => {
      const tensor = planned[at];
      if (tensor === undefined) return [];
      const { rows, columns } = matrixShape(tensor);
      const rule = rules[at] ?? { kind: 'free' as const };
      return [{ name: tensor.name, tensor, rule, rows, columns, types: typesLeft(rule, columns, request) }];
    });
    const types = agreedTypes(members);
    const unweighed = types.filter((type) =>
      members.every(({ tensor, columns }) => !size.isWeighed(tensor, storedType(type, columns))),
    );
    const bytesOf = (type: GgufTarget): number =>
      members.reduce((sum, { rows, columns }) => sum + size.paddedBytes(rows, columns, type), 0);
    minBytes += Math.min(...types.map(bytesOf));
    maxBytes += Math.max(...types.map(bytesOf));
    // Infinite where a group has none: then every file names the matrix.
    unweighedMin += Math.min(...unweighed.map(bytesOf));
    isWeighed ||= unweighed.length < types.length;
  }
  const { fixedBytes, importanceBytes } = size;
  return {
    minBytes: fixedBytes + Math.min(importanceBytes + minBytes, unweighedMin),
    maxBytes: fixedBytes + maxBytes + (isWeighed ? importanceBytes : 0),
  };
}

function typesLeft(rule: Rule, columns: number, { choices }: PlanRequest): PlanRequest['choices'] {
  if (rule.kind === 'fixed') return [rule.type];
  if (rule.kind === 'free') return choices;
  const least = bitsPerElement(rule.type);
  const enough = choices.filter((type) => bitsPerElement(storedType(type, columns)) >= least);
  return enough.length > 0 ? enough : [rule.type];
}

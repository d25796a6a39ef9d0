// Which file sizes a request can come to at all: shapes and rules decide that, before anything is measured.

import { matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import type { PlanRequest } from '../protocol/plan.ts';
import { isQuantizable, storedType } from '../quant/ggufTypes.ts';
import { bitsPerElement } from '../tensor/dtype.ts';
import type { SizeModel } from './problem.ts';
import { type Rule, resolveRules } from './rules.ts';
import type { FeasibleBytes } from './solve.ts';

/** @throws LOCK_MATCHED_NOTHING, PATTERN_INVALID */
export function feasibleInterval(
  tensors: readonly Pick<TensorInfo, 'name' | 'role' | 'shape' | 'elements' | 'dtype'>[],
  size: SizeModel,
  request: PlanRequest,
): FeasibleBytes {
  const planned = tensors.filter(isQuantizable);
  const rules = resolveRules(planned, request);
  let minBytes = size.fixedBytes;
  let maxBytes = size.fixedBytes;
  for (const [at, tensor] of planned.entries()) {
    const { rows, columns } = matrixShape(tensor);
    const bytes = typesLeft(rules[at] ?? { kind: 'free' }, columns, request).map((type) =>
      size.paddedBytes(rows, columns, type),
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

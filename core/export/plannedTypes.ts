// A plan's choices, checked against the checkpoint they are applied to.

import { QuantscopeError } from '../base/errors.ts';
import { type Checkpoint, matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import type { Plan } from '../protocol/plan.ts';
import { type GgufTarget, isQuantizable, storedType } from '../quant/ggufTypes.ts';

/** As `plannedTypes`, by index. @throws PLAN_MISMATCH */
export function plannedTypesByIndex(checkpoint: Checkpoint, plan: Plan): Map<number, GgufTarget> {
  const types = plannedTypes(checkpoint, plan);
  return new Map(
    checkpoint.tensors.flatMap(({ index, name }) => {
      const type = types.get(name);
      return type === undefined ? [] : [[index, type]];
    }),
  );
}

/**
 * The type each planned tensor is really stored in, by name.
 *
 * @throws PLAN_MISMATCH when the plan names a tensor the checkpoint has not, or one that is never quantized
 */
export function plannedTypes({ tensors, name }: Checkpoint, plan: Plan): Map<string, GgufTarget> {
  const byName = new Map<string, TensorInfo>(tensors.map((tensor) => [tensor.name, tensor]));
  const types = new Map<string, GgufTarget>();
  for (const [tensorName, { type }] of Object.entries(plan.solution.tensors)) {
    const tensor = byName.get(tensorName);
    if (tensor === undefined)
      throw new QuantscopeError(
        'PLAN_MISMATCH',
        `${name}: the plan of ${plan.model.name} names ${tensorName}, which is not in this checkpoint`,
      );
    if (!isQuantizable(tensor))
      throw new QuantscopeError(
        'PLAN_MISMATCH',
        `${name}: the plan gives ${tensorName} ${type}, a ${tensor.role} tensor is never quantized`,
      );
    types.set(tensorName, storedType(type, matrixShape(tensor).columns));
  }
  return types;
}

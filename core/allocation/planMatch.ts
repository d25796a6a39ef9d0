// Does a plan belong to this checkpoint? Tensors must agree; a different fingerprint alone is only worth a warning.

import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { refuseImatrix } from '../checkpoint/imatrixDetails.ts';
import type { Plan } from '../protocol/plan.ts';
import { isQuantizable } from '../quant/ggufTypes.ts';

/**
 * @param source the plan's file name, for messages
 * @returns warnings to show; empty when plan and checkpoint are the same
 * @throws PLAN_MISMATCH naming the first tensor that only one of them has; UNSUPPORTED_ARCHITECTURE for importance
 * matrices
 */
export function matchPlan(
  plan: Plan,
  checkpoint: Pick<Checkpoint, 'name' | 'fingerprint' | 'tensors' | 'imatrix'>,
  source: string,
): string[] {
  refuseImatrix(checkpoint);
  const planned = plan.solution.tensors;
  const quantizable = new Set(checkpoint.tensors.filter(isQuantizable).map(({ name }) => name));
  for (const name of Object.keys(planned)) {
    if (quantizable.has(name)) continue;
    const reason = checkpoint.tensors.some((tensor) => tensor.name === name) ? 'cannot be quantized' : 'is not in it';
    throw mismatch(source, checkpoint.name, `${name} ${reason}`);
  }
  for (const name of quantizable)
    if (!Object.hasOwn(planned, name)) throw mismatch(source, checkpoint.name, `${name} is not in the plan`);
  if (plan.model.fingerprint === checkpoint.fingerprint) return [];
  return [
    `${source}: made for ${plan.model.name} ${plan.model.fingerprint}, this is ${checkpoint.name} ` +
      `${checkpoint.fingerprint}; the tensors agree, predicted damage may not`,
  ];
}

function mismatch(source: string, model: string, fact: string): QuantscopeError {
  return new QuantscopeError('PLAN_MISMATCH', `${source}: does not fit ${model}: ${fact}`);
}

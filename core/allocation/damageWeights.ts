// How much a tensor's relative error counts in a plan's damage, before anything is measured on the running model.

import type { Role } from '../model/places.ts';

/** Errors of the head reach the logits with no later layer to average them: docs/adr/0003 has the measurements. */
const LEAST_HEAD_SHARE = 0.2;

/**
 * Weights in the tensors' order, adding up to 1: a tensor's share of the planned parameters, the output head's raised
 * to `LEAST_HEAD_SHARE` where it is less. Where the head is tied, the embedding stands for it.
 */
export function damageWeights(tensors: readonly { readonly role: Role; readonly elements: number }[]): Float64Array {
  const head: Role = tensors.some(({ role }) => role === 'output') ? 'output' : 'embedding';
  let total = 0;
  let headTotal = 0;
  for (const { role, elements } of tensors) {
    total += elements;
    if (role === head) headTotal += elements;
  }
  const raise = headTotal > 0 && headTotal < total && headTotal < LEAST_HEAD_SHARE * total;
  const headShare = raise ? LEAST_HEAD_SHARE : headTotal / total;
  const restTotal = total - headTotal;
  return Float64Array.from(tensors, ({ role, elements }) =>
    role === head ? (headShare * elements) / headTotal : ((1 - headShare) * elements) / restTotal,
  );
}

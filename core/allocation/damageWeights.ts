// How much a tensor's relative error counts in a plan's damage, before anything is measured on the running model.

import type { Role } from '../model/places.ts';

/** Errors of the head reach the logits with no later layer to average them: docs/adr/0003 has the measurement. */
const HEAD_FACTOR = 4;

/**
 * Weights in the tensors' order, adding up to 1: a tensor's share of the planned parameters, the output head's times
 * `HEAD_FACTOR`. Where the head is tied, the embedding stands for it.
 */
export function damageWeights(tensors: readonly { readonly role: Role; readonly elements: number }[]): Float64Array {
  const head: Role = tensors.some(({ role }) => role === 'output') ? 'output' : 'embedding';
  const weights = Float64Array.from(tensors, ({ role, elements }) => elements * (role === head ? HEAD_FACTOR : 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

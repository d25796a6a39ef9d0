// How fast a plan can generate text: memory bandwidth over the bytes that every token reads.

import type { Role } from '../model/places.ts';

export interface SpeedTensor {
  readonly role: Role;
  /** As stored by the plan. */
  readonly bytes: number;
}

export interface SpeedFacts {
  /** Of the memory the weights lie in. */
  readonly bytesPerSecond: number;
  /** Share of a layer's experts that a token is routed to; 1 for dense models. */
  readonly expertShare: number;
}

/**
 * Generation of one sequence is bound by reading every used weight once per token; keys and values read besides grow
 * with the context and are left out, so this is the most a machine can reach.
 *
 * @returns tokens per second; NaN where nothing is read
 */
export function tokensPerSecond(tensors: readonly SpeedTensor[], { bytesPerSecond, expertShare }: SpeedFacts): number {
  const tied = !tensors.some(({ role }) => role === 'output');
  let bytes = 0;
  for (const tensor of tensors) bytes += tensor.bytes * shareRead(tensor.role, tied, expertShare);
  return bytes > 0 ? bytesPerSecond / bytes : Number.NaN;
}

/** A token reads one row of the embedding, unless it is the output matrix as well. */
function shareRead(role: Role, tied: boolean, expertShare: number): number {
  if (role === 'embedding') return tied ? 1 : 0;
  return role.startsWith('expert.') ? expertShare : 1;
}

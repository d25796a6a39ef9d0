// A failure as the host reports it, thrown by calls; cancellation is told apart by its code.

import type * as z from 'zod';
import type { zFailure } from '../../core/protocol/objects.ts';

export type Failure = z.infer<typeof zFailure>;

export class HostFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = 'HostFailure';
    this.failure = failure;
  }
}

export function failureOf(error: unknown): Failure {
  if (error instanceof HostFailure) return error.failure;
  if (error instanceof DOMException && error.name === 'AbortError') return { code: 'CANCELLED', message: 'cancelled' };
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
}

export function isCancelled(failure: Failure): boolean {
  return failure.code === 'CANCELLED';
}

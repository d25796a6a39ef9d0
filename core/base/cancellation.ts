// Cancellation travels as an AbortSignal; being cancelled is an outcome, told apart by its code.

import { isQuantscopeError, QuantscopeError } from './errors.ts';

export function cancelled(what = 'operation'): QuantscopeError {
  return new QuantscopeError('CANCELLED', `${what} cancelled`);
}

export function throwIfCancelled(signal: AbortSignal | undefined, what?: string): void {
  if (signal?.aborted) throw cancelled(what);
}

export function isCancelled(error: unknown): boolean {
  return isQuantscopeError(error) && error.code === 'CANCELLED';
}

// Regular expressions written by people (rules, filters), compiled once with a clear error.

import { QuantscopeError } from './errors.ts';

/** Long enough for any hand-written rule; short enough to keep matching cheap. */
export const MAX_PATTERN_LENGTH = 512;

/** @param where what to name in the error: "--tensor", "lock 3". @throws PATTERN_INVALID */
export function compilePattern(source: string, where: string): RegExp {
  if (source.length > MAX_PATTERN_LENGTH)
    throw new QuantscopeError(
      'PATTERN_INVALID',
      `${where}: the pattern has ${source.length} characters, the limit is ${MAX_PATTERN_LENGTH}`,
    );
  try {
    return new RegExp(source, 'u');
  } catch (cause) {
    throw new QuantscopeError('PATTERN_INVALID', `${where}: ${(cause as Error).message}`, { cause });
  }
}

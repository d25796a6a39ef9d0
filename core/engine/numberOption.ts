// Numbers given on the command line.

import { QuantscopeError } from '../base/errors.ts';

/** @throws USAGE when the text is not a positive number */
export function numberOption(text: unknown, flag: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new QuantscopeError('USAGE', `${flag} takes a positive number, not "${text}"`);
  return value;
}

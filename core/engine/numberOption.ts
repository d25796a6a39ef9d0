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

/** @throws USAGE when the text is not a whole number from 1 to `most` */
export function wholeOption(text: unknown, flag: string, most: number = Number.MAX_SAFE_INTEGER): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? 'above 0' : `from 1 to ${most}`;
  throw new QuantscopeError('USAGE', `${flag} takes a whole number ${range}, not "${text}"`);
}

/** @throws USAGE when the text is not a whole number from 0 on */
export function seedOption(text: unknown): number {
  const seed = Number(text ?? 0);
  if (Number.isSafeInteger(seed) && seed >= 0) return seed;
  throw new QuantscopeError('USAGE', `--seed takes a whole number, not "${text}"`);
}

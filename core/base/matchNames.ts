// Which names a person's regular expression matches, within a time limit: "(a+)+$" takes years on sixty letters.

import { QuantscopeError } from './errors.ts';
import { compilePattern } from './pattern.ts';
import { withinTime } from './timeLimit.ts';

/** All names together; 50,000 names take an ordinary expression some 20 ms. */
export const MAX_MATCH_MS = 1000;

/**
 * @param where what to name in the error: "--tensor", "lock 3"
 * @returns one boolean per name
 * @throws PATTERN_INVALID for a broken expression, and for one that is still at it after the limit
 */
export function matchNames(source: string, names: readonly string[], where: string): readonly boolean[] {
  const pattern = compilePattern(source, where);
  return withinTime(
    MAX_MATCH_MS,
    () => names.map((name) => pattern.test(name)),
    (cause) => {
      const fact = `still matching ${names.length} names after ${MAX_MATCH_MS} ms, the limit; avoid nested repetition`;
      throw new QuantscopeError('PATTERN_INVALID', `${where}: ${fact}`, { cause });
    },
  );
}

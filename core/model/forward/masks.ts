// Which tokens may look at which, as numbers added to attention scores.

import type { Constant } from './family.ts';

/**
 * 0 where a token may look, −∞ where it may not: [tokens, tokens], row = looking token.
 * @param window tokens it sees, itself included (sliding window of Beltagy et al. 2020, arXiv 2004.05150); null for all before it
 */
export function causalMask(tokens: number, window: number | null = null): Constant {
  const values = new Float32Array(tokens * tokens).fill(Number.NEGATIVE_INFINITY);
  for (let row = 0; row < tokens; row++) {
    const first = window === null ? 0 : Math.max(0, row + 1 - window);
    values.fill(0, row * tokens + first, row * tokens + row + 1);
  }
  return { values, dimensions: [tokens, tokens] };
}

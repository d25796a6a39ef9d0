// What every mutator gets and gives.

import type { Dice } from './dice.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

/** A way to spoil a file. The input is left as it is; null when this way does not fit the bytes. */
export type Mutator = (bytes: Bytes, dice: Dice, context: MutationContext) => Bytes | null;

export interface MutationContext {
  /** Another valid or malformed file of the same format, to splice with. */
  readonly other: Bytes;
  /** Words that mean something in the format. */
  readonly words: readonly Bytes[];
  /** Arbitrary JSON texts, nested and hostile ones among them. */
  readonly jsonTexts: readonly string[];
}

/** Files stay small: what matters is structure, and executions count. */
export const MAX_INPUT_BYTES = 1 << 18;

/** `bytes` with `count` of them from `at` on replaced. */
export function spliced(bytes: Bytes, at: number, count: number, replacement: Uint8Array): Bytes {
  const result = new Uint8Array(Math.min(MAX_INPUT_BYTES, bytes.length - count + replacement.length));
  result.set(bytes.subarray(0, at));
  result.set(replacement.subarray(0, result.length - at), at);
  const tail = at + replacement.length;
  if (tail < result.length) result.set(bytes.subarray(at + count, at + count + result.length - tail), tail);
  return result;
}

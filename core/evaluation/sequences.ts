// A text cut into sequences of equal length, and which of their rows count.

import { QuantscopeError } from '../base/errors.ts';
import { Random } from '../base/random.ts';

export interface SequenceOptions {
  /** Tokens of one sequence. */
  readonly context: number;
  /** At most so many sequences; all the text gives when left out. */
  readonly sequences?: number | undefined;
  /** Which sequences are taken where the text gives more, in the text's order; the first ones when left out. */
  readonly seed?: number | undefined;
  /**
   * all: every token of a sequence is predicted from those before it in the sequence.
   * half: only the second half, with half a context before each, as llama.cpp's `perplexity` scores.
   */
  readonly score: 'all' | 'half';
  /** Replaces the first token of every sequence; null for models without a begin token. */
  readonly begin: number | null;
}

export interface ScoredSequences {
  readonly sequences: readonly Uint32Array[];
  /** First row of a sequence whose prediction counts. */
  readonly from: number;
  /** The token row `row` (counted over all sequences) predicts; null where it does not count. */
  target(row: number): number | null;
}

/**
 * The text is cut into consecutive sequences; all, the first, or those a seed draws are taken. The last row of one
 * predicts the token after it in the text, which counts only where all do.
 * @throws TEXT_TOO_SHORT naming both lengths
 */
export function cutSequences(ids: Uint32Array, options: SequenceOptions): ScoredSequences {
  const { context, score, begin, seed } = options;
  const possible = Math.floor((ids.length - 1) / context);
  const count = Math.min(possible, options.sequences ?? possible);
  if (count < 1)
    throw new QuantscopeError(
      'TEXT_TOO_SHORT',
      `the text has ${ids.length} tokens, one sequence of ${context} needs ${context + 1}`,
    );
  const taken = seed === undefined || count === possible ? null : drawn(possible, count, seed);
  const startOf = (s: number): number => (taken?.[s] ?? s) * context;
  const sequences = Array.from({ length: count }, (_, s) => {
    const sequence = ids.slice(startOf(s), startOf(s) + context);
    if (begin !== null) sequence[0] = begin;
    return sequence;
  });
  const scored = score === 'half' ? context - 1 : context;
  return {
    sequences,
    from: score === 'half' ? Math.floor(context / 2) : 0,
    target(row) {
      const token = row % context;
      return token < scored ? (ids[startOf((row - token) / context) + token + 1] ?? null) : null;
    },
  };
}

/** `count` of 0 … possible − 1 without repetition, ascending: the head of a Fisher–Yates shuffle. */
function drawn(possible: number, count: number, seed: number): Uint32Array {
  const random = new Random(seed);
  const places = Uint32Array.from({ length: possible }, (_, i) => i);
  for (let i = 0; i < count; i++) {
    const other = i + random.integer(possible - i);
    const place = places[other] ?? 0;
    places[other] = places[i] ?? 0;
    places[i] = place;
  }
  return places.subarray(0, count).toSorted();
}

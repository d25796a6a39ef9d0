// A text cut into sequences of equal length, and which of their rows count.

import { QuantscopeError } from '../base/errors.ts';

export interface SequenceOptions {
  /** Tokens of one sequence. */
  readonly context: number;
  /** At most so many sequences; all the text gives when left out. */
  readonly sequences?: number | undefined;
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
 * Consecutive sequences. The last row of one predicts the first token of the next, which counts only where all do.
 * @throws TEXT_TOO_SHORT naming both lengths
 */
export function cutSequences(ids: Uint32Array, options: SequenceOptions): ScoredSequences {
  const { context, score, begin } = options;
  const possible = Math.floor((ids.length - 1) / context);
  const count = Math.min(possible, options.sequences ?? possible);
  if (count < 1)
    throw new QuantscopeError(
      'TEXT_TOO_SHORT',
      `the text has ${ids.length} tokens, one sequence of ${context} needs ${context + 1}`,
    );
  const sequences = Array.from({ length: count }, (_, s) => {
    const sequence = ids.slice(s * context, (s + 1) * context);
    if (begin !== null) sequence[0] = begin;
    return sequence;
  });
  const scored = score === 'half' ? context - 1 : context;
  return {
    sequences,
    from: score === 'half' ? Math.floor(context / 2) : 0,
    target: (row) => (row % context < scored ? (ids[row + 1] ?? null) : null),
  };
}

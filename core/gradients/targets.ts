// Which token every row of the logits is held against: the text's own, or one drawn from the model's predictions.

import { Random } from '../base/random.ts';
import { logSumExp } from '../evaluation/likelihood.ts';
import type { ScoredSequences } from '../evaluation/sequences.ts';
import type { Hidden, Parts } from '../forward/blocks.ts';
import { headLogits } from '../forward/head.ts';

export interface Targets {
  /** Rows that count, over all sequences. */
  readonly count: number;
  /** @param row counted over all sequences; null where it does not count */
  of(row: number): number | null;
}

export function textTargets({ sequences, target }: ScoredSequences): Targets {
  const rows = sequences.length * (sequences[0]?.length ?? 0);
  let count = 0;
  for (let row = 0; row < rows; row++) if (target(row) !== null) count++;
  return { count, of: target };
}

/**
 * A token for every row that counts, drawn from softmax(logits): gradients of their likelihood give the Fisher
 * information itself (Martens 2020, arXiv 1412.1193, section 5). The same seed draws the same tokens.
 *
 * @param final states after the last block. @throws as `headLogits`
 */
export async function sampledTargets(
  parts: Parts,
  final: Hidden,
  { from, target }: ScoredSequences,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<Targets> {
  const { vocabulary } = parts.network;
  const random = new Random(seed);
  const drawn = new Map<number, number>();
  for await (const { first, logits } of headLogits(parts, [final], { from, signal })) {
    const [own = new Float32Array()] = logits;
    for (let row = 0; row * vocabulary < own.length; row++) {
      if (target(first + row) === null) continue;
      drawn.set(first + row, draw(own.subarray(row * vocabulary, (row + 1) * vocabulary), random.uniform()));
    }
  }
  return { count: drawn.size, of: (row) => drawn.get(row) ?? null };
}

/** The first token at which the probabilities so far exceed `share`. */
function draw(logits: Float32Array, share: number): number {
  const norm = logSumExp(logits);
  let sum = 0;
  for (let token = 0; token < logits.length; token++) {
    sum += Math.exp((logits[token] ?? 0) - norm);
    if (sum > share) return token;
  }
  return logits.length - 1; // sums of rounded probabilities may end just below 1
}

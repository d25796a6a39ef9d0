// The loss of a model as running it gives it, and how it changes when its weights move along a direction.

import { logSumExp } from '../../../core/evaluation/likelihood.ts';
import type { ScoredSequences } from '../../../core/evaluation/sequences.ts';
import { type Parts, runBlocks } from '../../../core/forward/blocks.ts';
import { embedTokens } from '../../../core/forward/embed.ts';
import { headLogits } from '../../../core/forward/head.ts';
import type { WeightPlace } from '../../../core/forward/weights.ts';
import { ShiftedWeights } from '../../../core/gradients/shiftedWeights.ts';
import type { Pool } from '../../../core/kernels/pool.ts';

/** Mean negative log likelihood of the rows that count, nats. */
export async function lossOf(parts: Parts, { sequences, from, target }: ScoredSequences): Promise<number> {
  const { network } = parts;
  const hidden = await embedTokens(parts, sequences, undefined);
  await runBlocks(parts, [hidden], { layers: [0, network.layers], signal: undefined });
  let [sum, count] = [0, 0];
  for await (const { first, logits } of headLogits(parts, [hidden], { from, signal: undefined })) {
    const [own = new Float32Array()] = logits;
    for (let row = 0; row * network.vocabulary < own.length; row++) {
      const token = target(first + row);
      if (token === null) continue;
      const values = own.subarray(row * network.vocabulary, (row + 1) * network.vocabulary);
      sum += logSumExp(values) - (values[token] ?? Number.NaN);
      count++;
    }
  }
  return sum / count;
}

/** An element of a weight's direction. */
export type Direction = (place: WeightPlace, element: number) => number;

export function moved(parts: Parts, pool: Pool, direction: Direction, step: number): Parts {
  const weights = new ShiftedWeights(parts.weights.checkpoint, pool, (values, place, first) => {
    for (let i = 0; i < values.length; i++)
      values[i] = (values[i] ?? 0) + step * direction(place, place.first + first + i);
  });
  return { ...parts, weights };
}

/** (L(W + step · direction) − L(W − step · direction)) / (2 · step): off by step² / 6 of the third derivative. */
export async function centralSlope(
  parts: Parts,
  pool: Pool,
  scored: ScoredSequences,
  direction: Direction,
  step: number,
): Promise<number> {
  const at = (t: number): Promise<number> => lossOf(moved(parts, pool, direction, t), scored);
  return ((await at(step)) - (await at(-step))) / (2 * step);
}

/**
 * dL/dt at W + t · direction by the five-point formula, off by step⁴ / 30 of the fifth derivative.
 * `doubt` is how far the central differences of both steps lie apart: large where the loss has a kink or a jump.
 */
export async function slope(...args: Parameters<typeof centralSlope>): Promise<{ value: number; doubt: number }> {
  const [parts, pool, scored, direction, step] = args;
  const near = await centralSlope(parts, pool, scored, direction, step);
  const far = await centralSlope(parts, pool, scored, direction, 2 * step);
  return { value: (4 * near - far) / 3, doubt: Math.abs(near - far) };
}

/** Every token predicts the next of its sequence. */
export function allScored(sequences: readonly Uint32Array[]): ScoredSequences {
  const tokens = sequences[0]?.length ?? 0;
  return {
    sequences,
    from: 0,
    target(row) {
      const token = row % tokens;
      return token + 1 < tokens ? (sequences[(row - token) / tokens]?.[token + 1] ?? null) : null;
    },
  };
}

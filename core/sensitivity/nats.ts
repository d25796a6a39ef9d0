// What one unit of a score costs in predictions: the scores' sum against the divergence of all tensors quantized at once.

import { runBlocks } from '../forward/blocks.ts';
import { embedTokens } from '../forward/embed.ts';
import { plannedWeights } from '../forward/plannedWeights.ts';
import { comparePredictions } from './predictions.ts';
import type { ScoredTensor, TextRun } from './score.ts';

/**
 * Damages add up (docs/adr/0008), so scores that are proportional to damage share one factor: KL(original ‖ all tensors
 * as their probes) over the sum of the scores.
 * @returns nats per unit; 0 where the scores add up to nothing
 * @throws as TextScore.measure
 */
export async function natsPerUnit(
  { parts, sequences, importance }: TextRun,
  rows: ReadonlyMap<number, ScoredTensor>,
  signal: AbortSignal | undefined,
): Promise<number> {
  let sum = 0;
  for (const { value } of rows.values()) sum += value;
  if (!(sum > 0)) return 0;
  const types = new Map([...rows.values()].map(({ tensor, probe }) => [tensor, probe]));
  const changed = { ...parts, weights: plannedWeights(parts.weights, types, importance) };
  const { layers, head } = parts.network;
  const [original, quantized] = [
    await embedTokens(parts, sequences, signal),
    await embedTokens(changed, sequences, signal),
  ];
  await runBlocks(parts, [original], { layers: [0, layers], signal });
  await runBlocks(changed, [quantized], { layers: [0, layers], signal });
  const replaced: Record<string, Float32Array> = {};
  for (const [module, { dimensions }] of head.weights)
    replaced[module] = await changed.weights.load(null, module, dimensions, signal);
  const [change] = await comparePredictions(parts, [{ hidden: original }, { hidden: quantized, replaced }], signal);
  return (change?.divergence.value ?? 0) / sum;
}

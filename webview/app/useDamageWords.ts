// What the damage of the present plan means: that depends on the score it goes by.

import { useModel } from './context.ts';
import { damageMeaning, metricById, scoreMetricId } from './metrics.ts';
import { useWeighted } from './useWeighted.ts';

export interface DamageWords {
  /** As part of a label: "damage", "KL". */
  readonly short: string;
  readonly meaning: string;
  /** Whether damage is predicted in nats per token, as divergence is measured. */
  readonly nats: boolean;
}

export function useDamageWords(): DamageWords {
  const score = useModel((s) => s.solvedRequest?.score ?? null);
  const method = useModel((s) => s.scoreMethods?.find(({ id }) => id === score) ?? null);
  const weighted = useWeighted();
  const name = method?.name ?? (score === null ? null : (metricById(scoreMetricId(score))?.label ?? score));
  return damageWords(name, weighted);
}

/**
 * @param score  null where the plan goes by errors of the weights; every other score is brought to nats by the engine
 * @param calibration  what those errors are weighed with, or null
 */
export function damageWords(score: string | null, calibration: string | null): DamageWords {
  if (score === null) return { short: 'damage', meaning: damageMeaning(calibration), nats: false };
  const meaning = `KL divergence predicted from ${score}: score × relative error summed over tensors, nats per token`;
  return { short: 'KL', meaning, nats: true };
}

// What the damage of the present plan means: that depends on the score it goes by.

import { useModel } from './context.ts';
import { DAMAGE_MEANING, metricById, scoreMetricId } from './metrics.ts';

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
  const name = method?.name ?? (score === null ? null : (metricById(scoreMetricId(score))?.label ?? score));
  return damageWords(name);
}

/** @param score  null where the plan goes by the weights alone; every other score is brought to nats by the engine */
export function damageWords(score: string | null): DamageWords {
  if (score === null) return { short: 'damage', meaning: DAMAGE_MEANING, nats: false };
  const meaning = `KL divergence predicted from ${score}: score × relative error summed over tensors, nats per token`;
  return { short: 'KL', meaning, nats: true };
}

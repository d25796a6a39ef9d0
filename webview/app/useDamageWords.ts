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
  return damageWords(name, method?.unit ?? '');
}

/** @param score  null where the plan goes by the weights alone */
export function damageWords(score: string | null, unit: string): DamageWords {
  if (score === null) return { short: 'damage', meaning: DAMAGE_MEANING, nats: false };
  const nats = /^nats\b/.test(unit);
  return {
    short: nats ? 'KL' : 'damage',
    meaning: `predicted from ${score}: the sum over tensors of score × relative error${nats ? ', nats per token' : ''}`,
    nats,
  };
}

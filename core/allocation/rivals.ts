// The known plans a plan has to beat: of each kind the largest within the budget, and the nearest in size; of several of
// one size the one that promises most.

import type { Landmark } from '../protocol/plan.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';

export interface RivalPlan extends Landmark {
  /** What each quantizable tensor is stored in, in the tensors' order. */
  readonly types: readonly GgufTarget[];
  readonly kind: 'uniform' | 'mix';
}

/** At most four, by size; two plans that store every tensor alike count once. */
export function nearRivals(known: readonly RivalPlan[], targetBytes: number): RivalPlan[] {
  const found = new Map<string, RivalPlan>();
  for (const kind of ['mix', 'uniform'] as const) {
    const own = known.filter((plan) => plan.kind === kind).toSorted((a, b) => a.bytes - b.bytes || b.damage - a.damage);
    const within = own.findLast(({ bytes }) => bytes <= targetBytes);
    const distance = ({ bytes }: RivalPlan): number => Math.abs(bytes - targetBytes);
    const nearest = own.toSorted((a, b) => distance(a) - distance(b) || a.damage - b.damage)[0];
    for (const rival of [within, nearest]) {
      const key = rival?.types.join() ?? '';
      if (rival !== undefined && !found.has(key)) found.set(key, rival);
    }
  }
  return [...found.values()].toSorted((a, b) => a.bytes - b.bytes);
}

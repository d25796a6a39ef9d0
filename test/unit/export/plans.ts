// Plans made by hand: a type for every quantizable tensor, and no solver.

import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import type { Plan } from '../../../core/protocol/plan.ts';
import { type GgufTarget, isQuantizable } from '../../../core/quant/ggufTypes.ts';

export function allOf(checkpoint: Checkpoint, type: GgufTarget): Plan {
  return planFor(checkpoint, () => type);
}

/** @param typeOf the type of each quantizable tensor, in file order */
export function planFor(checkpoint: Checkpoint, typeOf: (name: string, at: number) => GgufTarget): Plan {
  const named = checkpoint.tensors.filter(isQuantizable).map(({ name }, at) => {
    return [name, { type: typeOf(name, at), bytes: 0, relativeError: 0, damage: 0, why: 'test' }] as const;
  });
  return {
    kind: 'quantscope.plan',
    version: 1,
    model: { name: checkpoint.name, fingerprint: checkpoint.fingerprint },
    request: { targetBytes: 1, choices: ['Q8_0'], locks: [], pins: [], minimums: [] },
    solution: {
      bytes: 0,
      bitsPerWeight: 0,
      damage: 0,
      gap: 0,
      feasible: { minBytes: 0, maxBytes: 0 },
      tensors: Object.fromEntries(named),
    },
  };
}

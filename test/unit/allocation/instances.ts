// Allocation problems for tests: built from (bytes, damage) tables, and solved by two methods that share no code with ours.

import type { AllocationItem, AllocationProblem } from '../../../core/allocation/problem.ts';
import { GGUF_TARGETS } from '../../../core/quant/ggufTypes.ts';

export type Table = readonly (readonly (readonly [bytes: number, damage: number])[])[];

export function problemOf(table: Table, targetBytes: number, fixedBytes = 0): AllocationProblem {
  return {
    items: table.map(
      (choices, i): AllocationItem => ({
        name: `t${i}`,
        role: 'other',
        columns: 256,
        choices: choices.map(([bytes, damage], j) => {
          const type = GGUF_TARGETS[j] ?? 'F32';
          return { type, stored: type, bytes, weighed: false, damage, relativeError: damage };
        }),
        allowed: choices.map((_, j) => j),
        rule: { kind: 'free' },
        nonFinite: false,
      }),
    ),
    fixedBytes,
    importanceBytes: 0,
    targetBytes,
    parameters: 1000,
  };
}

export interface Optimum {
  readonly damage: number;
  readonly bytes: number;
}

/** Every combination; null when none fits. Least damage, then fewest bytes. */
export function bruteForce(table: Table, budget: number): Optimum | null {
  let best: Optimum | null = null;
  const visit = (i: number, bytes: number, damage: number): void => {
    if (bytes > budget) return;
    const choices = table[i];
    if (choices === undefined) {
      if (best === null || damage < best.damage || (damage === best.damage && bytes < best.bytes))
        best = { damage, bytes };
      return;
    }
    for (const [b, d] of choices) visit(i + 1, bytes + b, damage + d);
  };
  visit(0, 0, 0);
  return best;
}

/** Textbook dynamic programming over every byte count up to the budget. */
export function byteTable(table: Table, budget: number): Optimum | null {
  let least = new Float64Array(budget + 1).fill(Number.POSITIVE_INFINITY);
  least[0] = 0; // exactly b bytes used
  for (const choices of table) {
    const next = new Float64Array(budget + 1).fill(Number.POSITIVE_INFINITY);
    for (const [b, d] of choices)
      for (let used = 0; used + b <= budget; used++)
        next[used + b] = Math.min(next[used + b] ?? 0, (least[used] ?? 0) + d);
    least = next;
  }
  let best: Optimum | null = null;
  for (let bytes = 0; bytes <= budget; bytes++) {
    const damage = least[bytes] ?? 0;
    if (Number.isFinite(damage) && (best === null || damage < best.damage)) best = { damage, bytes };
  }
  return best;
}

/** A small, well-mixed seeded generator (mulberry32) in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

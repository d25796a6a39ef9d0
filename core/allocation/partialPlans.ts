// Partial plans over the first items of the core: extended item by item, the dominated and the hopeless left out.

import type { Core } from './core.ts';
import type { Relaxation } from './relaxation.ts';

/** Bytes strictly ascending, damage strictly descending, both relative to the relaxation's plan. */
export interface States {
  length: number;
  readonly bytes: Float64Array;
  readonly damage: Float64Array;
  /** Index in the generation before, and alternative taken (−1 keeps the relaxation's point). */
  readonly parent: Int32Array;
  readonly taken: Int32Array;
}

/** The one plan that changes nothing. */
export function root(): States {
  const states = allocate(1);
  states.length = 1;
  return states;
}

/**
 * Adds core item c: every plan with every alternative, merged by bytes (k sorted lists, each the plans shifted).
 * Of plans with equal bytes and damage the one that keeps the point, then the smaller alternative, survives.
 *
 * @param limit plans that cannot come down to this damage are left out
 */
export function extend(
  before: States,
  core: Core,
  c: number,
  { lambda, slack }: Relaxation,
  limit: number,
): { states: States; work: number } {
  const moves = movesOf(core, c, limit + lambda * slack, lambda);
  const lists = moves.length;
  const next = allocate(before.length * lists);
  const heads = new Int32Array(lists);
  const headBytes = new Float64Array(lists);
  const deltaBytes = Float64Array.from(moves, (k) => (k < 0 ? 0 : (core.deltaBytes[k] ?? 0)));
  const deltaDamage = Float64Array.from(moves, (k) => (k < 0 ? 0 : (core.deltaDamage[k] ?? 0)));
  const first = before.bytes[0] ?? 0;
  for (let m = 0; m < lists; m++) headBytes[m] = first + (deltaBytes[m] ?? 0);
  const gain = core.gainPerByte[c + 1] ?? 0;
  const cost = core.costPerByte[c + 1] ?? 0;
  let length = 0;
  let lastDamage = Number.POSITIVE_INFINITY;
  for (let step = before.length * lists; step > 0; step--) {
    let m = 0;
    for (let other = 1; other < lists; other++) if ((headBytes[other] ?? 0) < (headBytes[m] ?? 0)) m = other;
    const parent = heads[m] ?? 0;
    const bytes = headBytes[m] ?? 0;
    const damage = (before.damage[parent] ?? 0) + (deltaDamage[m] ?? 0);
    heads[m] = parent + 1;
    headBytes[m] =
      parent + 1 < before.length ? (before.bytes[parent + 1] ?? 0) + (deltaBytes[m] ?? 0) : Number.POSITIVE_INFINITY;
    if (damage >= lastDamage || bound(bytes, damage, slack, gain, cost) > limit) continue;
    // Equal bytes and less damage: the later one replaces the earlier.
    if (length > 0 && next.bytes[length - 1] === bytes) length--;
    next.bytes[length] = bytes;
    next.damage[length] = damage;
    next.parent[length] = parent;
    next.taken[length++] = moves[m] ?? -1;
    lastDamage = damage;
  }
  next.length = length;
  return { states: next, work: before.length * lists * lists };
}

/** Least damage any completion of any plan can come to, after core items 0 … c − 1. */
export function leastBound(states: States, core: Core, c: number, slack: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (const value of boundsOf(states, core, c, slack)) least = Math.min(least, value);
  return least;
}

/** Index of the plan with least damage among those within the slack, −1 when there is none. */
export function bestFeasible(states: States, slack: number): number {
  let low = 0;
  let high = states.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((states.bytes[middle] ?? 0) <= slack) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Keeps about `most` plans: those with the least bound, and the best one within the slack. */
export function thin(
  states: States,
  core: Core,
  c: number,
  slack: number,
  most: number,
): { states: States; dropped: number } {
  if (states.length <= most) return { states, dropped: Number.POSITIVE_INFINITY };
  const bounds = boundsOf(states, core, c, slack);
  const threshold = bounds.slice().sort()[most] ?? Number.POSITIVE_INFINITY;
  const kept = allocate(most + 1);
  const feasible = bestFeasible(states, slack);
  let dropped = Number.POSITIVE_INFINITY;
  let length = 0;
  for (let s = 0; s < states.length; s++) {
    const value = bounds[s] ?? 0;
    if (value >= threshold && s !== feasible) {
      dropped = Math.min(dropped, value);
      continue;
    }
    kept.bytes[length] = states.bytes[s] ?? 0;
    kept.damage[length] = states.damage[s] ?? 0;
    kept.parent[length] = states.parent[s] ?? 0;
    kept.taken[length++] = states.taken[s] ?? -1;
  }
  kept.length = length;
  return { states: kept, dropped };
}

function boundsOf(states: States, core: Core, c: number, slack: number): Float64Array {
  const gain = core.gainPerByte[c] ?? 0;
  const cost = core.costPerByte[c] ?? 0;
  return Float64Array.from({ length: states.length }, (_, s) =>
    bound(states.bytes[s] ?? 0, states.damage[s] ?? 0, slack, gain, cost),
  );
}

/** What is left of the slack is spent at the best rate the remaining items offer; an overdraft is paid at their best. */
function bound(bytes: number, damage: number, slack: number, gain: number, cost: number): number {
  const left = slack - bytes;
  return left >= 0 ? damage - gain * left : damage - cost * left;
}

/** Alternatives of item c still worth trying; the unchanged point first, as −1. */
function movesOf(core: Core, c: number, limit: number, lambda: number): Int32Array {
  const moves = [-1];
  for (let k = core.start[c] ?? 0; k < (core.start[c + 1] ?? 0); k++)
    if ((core.deltaDamage[k] ?? 0) + lambda * (core.deltaBytes[k] ?? 0) <= limit) moves.push(k);
  return Int32Array.from(moves);
}

function allocate(capacity: number): States {
  return {
    length: 0,
    bytes: new Float64Array(capacity),
    damage: new Float64Array(capacity),
    parent: new Int32Array(capacity).fill(-1),
    taken: new Int32Array(capacity).fill(-1),
  };
}

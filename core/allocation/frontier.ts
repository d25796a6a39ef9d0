// Flat arrays the solver works on: per tensor the undominated choices, and among them the lower convex hull.

import type { AllocationItem } from './problem.ts';

/**
 * Points of item i are `start[i] … start[i + 1] − 1`, bytes strictly ascending, damage strictly descending.
 * Hull points of item i are `hullStart[i] … hullStart[i + 1] − 1`; `hull` holds indices of points.
 */
export interface Frontier {
  readonly items: number;
  readonly start: Int32Array;
  readonly bytes: Float64Array;
  readonly damage: Float64Array;
  /** Index into the item's `choices`. */
  readonly choice: Uint8Array;
  readonly hullStart: Int32Array;
  readonly hull: Int32Array;
  /** Σ of the smallest and of the largest allowed choice (dominated ones included), without fixed bytes. */
  readonly minBytes: number;
  readonly maxBytes: number;
  /** Greatest common divisor of all differences of bytes inside items; 0 when nothing can be chosen. */
  readonly unitBytes: number;
}

/** O(items · choices · log choices). Ties: fewer bytes, then less damage, then the earlier choice. */
export function frontierOf(items: readonly Pick<AllocationItem, 'choices' | 'allowed'>[]): Frontier {
  let total = 0;
  for (const { allowed } of items) total += allowed.length;
  const start = new Int32Array(items.length + 1);
  const bytes = new Float64Array(total);
  const damage = new Float64Array(total);
  const choice = new Uint8Array(total);
  const hullStart = new Int32Array(items.length + 1);
  const hull = new Int32Array(total);
  let points = 0;
  let hullPoints = 0;
  let minBytes = 0;
  let maxBytes = 0;
  let unitBytes = 0;
  const order: number[] = [];
  for (const [i, { choices, allowed }] of items.entries()) {
    start[i] = points;
    hullStart[i] = hullPoints;
    order.length = 0;
    for (const at of allowed) insertSorted(order, at, choices);
    let best = Number.POSITIVE_INFINITY;
    let largest = 0;
    for (const at of order) {
      const option = choices[at];
      if (option === undefined) continue;
      largest = option.bytes;
      if (option.damage >= best) continue;
      best = option.damage;
      bytes[points] = option.bytes;
      damage[points] = option.damage;
      choice[points] = at;
      const first = start[i] ?? 0;
      if (points > first) unitBytes = gcd(unitBytes, option.bytes - (bytes[first] ?? 0));
      points++;
    }
    minBytes += bytes[start[i] ?? 0] ?? 0;
    maxBytes += largest;
    hullPoints = appendHull(start[i] ?? 0, points, bytes, damage, hull, hullPoints);
  }
  start[items.length] = points;
  hullStart[items.length] = hullPoints;
  return { items: items.length, start, bytes, damage, choice, hullStart, hull, minBytes, maxBytes, unitBytes };
}

/** Insertion sort: a handful of choices, nearly sorted already. */
function insertSorted(order: number[], at: number, choices: AllocationItem['choices']): void {
  const option = choices[at];
  if (option === undefined) return;
  let place = order.length;
  while (place > 0) {
    const before = choices[order[place - 1] ?? 0];
    if (before === undefined || before.bytes < option.bytes) break;
    if (before.bytes === option.bytes && before.damage <= option.damage) break;
    place--;
  }
  order.splice(place, 0, at);
}

/** Andrew's monotone chain over points first … end − 1; collinear points are left out. @returns the new hull length */
function appendHull(
  first: number,
  end: number,
  bytes: Float64Array,
  damage: Float64Array,
  hull: Int32Array,
  hullStart: number,
): number {
  let top = hullStart;
  for (let p = first; p < end; p++) {
    const pb = bytes[p] ?? 0;
    const pd = damage[p] ?? 0;
    while (top - hullStart >= 2) {
      const a = hull[top - 2] ?? 0;
      const b = hull[top - 1] ?? 0;
      const ab = bytes[a] ?? 0;
      const ad = damage[a] ?? 0;
      // b stays only when the step a → b saves strictly more damage a byte than a → p.
      if ((ad - (damage[b] ?? 0)) * (pb - ab) > (ad - pd) * ((bytes[b] ?? 0) - ab)) break;
      top--;
    }
    hull[top++] = p;
  }
  return top;
}

/** Whole non-negative numbers below 2^53. The multiple test is exact: b / a is exact when a divides b. */
function gcd(a: number, b: number): number {
  while (a !== 0) {
    if (a * Math.floor(b / a) === b) return a;
    [a, b] = [b % a, a];
  }
  return b;
}

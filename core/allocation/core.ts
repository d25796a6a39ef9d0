// The core of the knapsack: the few items whose choice the relaxation leaves open, and what each alternative costs.
// Balas & Zemel 1980; reduction by reduced costs as in Pisinger 1995, "A minimal algorithm for the multiple-choice
// knapsack problem".

import type { Frontier } from './frontier.ts';
import type { Relaxation } from './relaxation.ts';

/**
 * Everything is relative to the relaxation's plan: with p its points, alternative j of item i has
 *
 *   Δb = b_j − b_p,  Δd = d_j − d_p,  reduced cost r = Δd + λ·Δb ≥ 0
 *
 * and any plan that respects the budget has  Σ Δd = Σ r + λ·(slack left) − λ·slack  ≥  Σ r − λ·slack.
 * So an alternative with r − λ·slack above the best known Σ Δd is in no better plan, and is left out.
 */
export interface Core {
  /** Items with an alternative, the ones most likely to change first. */
  readonly items: Int32Array;
  /** Alternatives of core item c: `start[c] … start[c + 1] − 1`, bytes ascending. */
  readonly start: Int32Array;
  readonly points: Int32Array;
  readonly deltaBytes: Float64Array;
  readonly deltaDamage: Float64Array;
  /** Among core items c, c + 1, …: most damage a byte added can save, least damage a byte freed must cost. */
  readonly gainPerByte: Float64Array;
  readonly costPerByte: Float64Array;
}

export interface Change {
  readonly item: number;
  readonly point: number;
  readonly deltaBytes: number;
  readonly deltaDamage: number;
}

/** The one change of one item that saves most damage within the slack; ties: fewer bytes, then the earlier item. */
export function bestSingleChange(frontier: Frontier, { point, slack }: Relaxation): Change | null {
  const { items, start, bytes, damage } = frontier;
  let item = -1;
  let chosen = -1;
  let bestDamage = 0;
  let bestBytes = 0;
  for (let i = 0; i < items; i++) {
    const p = point[i] ?? 0;
    const pb = bytes[p] ?? 0;
    const pd = damage[p] ?? 0;
    for (let j = p + 1; j < (start[i + 1] ?? 0); j++) {
      const db = (bytes[j] ?? 0) - pb;
      if (db > slack) break;
      const dd = (damage[j] ?? 0) - pd;
      if (dd > bestDamage || (dd === bestDamage && db >= bestBytes)) continue;
      bestDamage = dd;
      bestBytes = db;
      item = i;
      chosen = j;
    }
  }
  return item < 0 ? null : { item, point: chosen, deltaBytes: bestBytes, deltaDamage: bestDamage };
}

/**
 * Of tensors with the very same alternatives only as many enter as one optimal plan can have to change. Proof: let M be
 * the largest |Δb| in units. A plan better than the relaxation's spends S bytes more, 0 ≤ S ≤ slack ≤ M units. Its
 * changes can be put in an order in which every running sum stays between −M and S + M; with more than 3 M + 1 changes
 * two running sums coincide, so the changes between them free as much as they spend, and undoing them costs Σ r ≥ 0 less.
 *
 * @param limit keep alternatives with reduced cost at most this
 */
export function buildCore(frontier: Frontier, { point, lambda }: Relaxation, limit: number): Core {
  const { items, start, bytes, damage } = frontier;
  const found: { item: number; distance: number; points: number[] }[] = [];
  for (let i = 0; i < items; i++) {
    const p = point[i] ?? 0;
    const pb = bytes[p] ?? 0;
    const pd = damage[p] ?? 0;
    let points: number[] | null = null;
    let distance = Number.POSITIVE_INFINITY;
    for (let j = start[i] ?? 0; j < (start[i + 1] ?? 0); j++) {
      if (j === p) continue;
      const db = (bytes[j] ?? 0) - pb;
      const dd = (damage[j] ?? 0) - pd;
      if (dd + lambda * db > limit) continue;
      points ??= [];
      points.push(j);
      distance = Math.min(distance, Math.abs(lambda + dd / db));
    }
    if (points !== null) found.push({ item: i, distance, points });
  }
  found.sort((a, b) => a.distance - b.distance || a.item - b.item);
  return pack(frontier, point, withoutSurplusTwins(frontier, point, found));
}

type Open = { readonly item: number; readonly points: readonly number[] };

function withoutSurplusTwins(
  { bytes, damage, unitBytes }: Frontier,
  point: Int32Array,
  found: readonly Open[],
): Open[] {
  let widest = 0;
  for (const { item, points } of found) {
    const pb = bytes[point[item] ?? 0] ?? 0;
    for (const j of points) widest = Math.max(widest, Math.abs((bytes[j] ?? 0) - pb));
  }
  const most = (3 * widest) / unitBytes + 1;
  if (most >= found.length) return [...found];
  const twins = new Map<string, number>();
  return found.filter(({ item, points }) => {
    const p = point[item] ?? 0;
    const key = points.map((j) => `${(bytes[j] ?? 0) - (bytes[p] ?? 0)}:${(damage[j] ?? 0) - (damage[p] ?? 0)}`).join();
    const seen = (twins.get(key) ?? 0) + 1;
    twins.set(key, seen);
    return seen <= most;
  });
}

function pack({ bytes, damage }: Frontier, point: Int32Array, found: readonly Open[]): Core {
  const start = new Int32Array(found.length + 1);
  const points = Int32Array.from(found.flatMap((entry) => entry.points));
  const deltaBytes = new Float64Array(points.length);
  const deltaDamage = new Float64Array(points.length);
  const gainPerByte = new Float64Array(found.length + 1);
  const costPerByte = new Float64Array(found.length + 1).fill(Number.POSITIVE_INFINITY);
  let end = points.length;
  start[found.length] = end;
  for (let c = found.length - 1; c >= 0; c--) {
    const entry = found[c];
    if (entry === undefined) continue;
    const p = point[entry.item] ?? 0;
    let gain = gainPerByte[c + 1] ?? 0;
    let cost = costPerByte[c + 1] ?? 0;
    end -= entry.points.length;
    start[c] = end;
    for (let k = 0; k < entry.points.length; k++) {
      const j = entry.points[k] ?? 0;
      const db = (bytes[j] ?? 0) - (bytes[p] ?? 0);
      const dd = (damage[j] ?? 0) - (damage[p] ?? 0);
      deltaBytes[end + k] = db;
      deltaDamage[end + k] = dd;
      if (db > 0) gain = Math.max(gain, -dd / db);
      else cost = Math.min(cost, -dd / db);
    }
    gainPerByte[c] = gain;
    costPerByte[c] = cost;
  }
  return {
    items: Int32Array.from(found, (entry) => entry.item),
    start,
    points,
    deltaBytes,
    deltaDamage,
    gainPerByte,
    costPerByte,
  };
}

// Linear relaxation of the multiple-choice knapsack: the price of a byte (λ) at which the budget is just spent.
// Sinha & Zoltners 1979; found by weighted selection instead of sorting (Dyer 1984, Zemel 1984), so it is linear time.

import type { Frontier } from './frontier.ts';

export interface Relaxation {
  /** Damage saved per byte by the first step that no longer fits; 0 when every step fits. */
  readonly lambda: number;
  /** Chosen point per item: feasible, and optimal for its own number of bytes. */
  readonly point: Int32Array;
  /** Budget left over; the damage lies at most λ · slack above the optimum. */
  readonly slack: number;
}

/** @param budget bytes for the items alone, at least `frontier.minBytes` */
export function relax(frontier: Frontier, budget: number): Relaxation {
  const { items, start, bytes, damage, hullStart, hull } = frontier;
  const steps = (hullStart[items] ?? 0) - items;
  const slopes = new Float64Array(steps);
  const widths = new Float64Array(steps);
  let n = 0;
  for (let i = 0; i < items; i++) {
    for (let h = (hullStart[i] ?? 0) + 1; h < (hullStart[i + 1] ?? 0); h++) {
      const a = hull[h - 1] ?? 0;
      const b = hull[h] ?? 0;
      const width = (bytes[b] ?? 0) - (bytes[a] ?? 0);
      slopes[n] = ((damage[a] ?? 0) - (damage[b] ?? 0)) / width;
      widths[n++] = width;
    }
  }
  let slack = budget - frontier.minBytes;
  const lambda = breakSlope(slopes.slice(), widths, slack);
  const point = new Int32Array(items);
  const equal: number[] = [];
  n = 0;
  for (let i = 0; i < items; i++) {
    let at = start[i] ?? 0;
    let open = true;
    for (let h = (hullStart[i] ?? 0) + 1; h < (hullStart[i + 1] ?? 0); h++, n++) {
      const slope = slopes[n] ?? 0;
      const next = hull[h] ?? 0;
      if (open && slope > lambda) {
        slack -= (bytes[next] ?? 0) - (bytes[at] ?? 0);
        at = next;
      } else {
        if (open && slope === lambda) equal.push(i, next);
        open = false;
      }
    }
    point[i] = at;
  }
  for (let e = 0; e < equal.length; e += 2) {
    const i = equal[e] ?? 0;
    const next = equal[e + 1] ?? 0;
    const width = (bytes[next] ?? 0) - (bytes[point[i] ?? 0] ?? 0);
    if (width > slack) continue;
    slack -= width;
    point[i] = next;
  }
  return { lambda, point, slack };
}

/**
 * Largest slope λ with Σ width(slope ≥ λ) > capacity; 0 when everything fits. Quickselect with the middle element as
 * pivot: deterministic, linear on average. Reorders `slopes` and `widths` copies.
 */
function breakSlope(slopes: Float64Array, widthsIn: Float64Array, capacity: number): number {
  const widths = widthsIn.slice();
  let low = 0;
  let high = slopes.length;
  let left = capacity;
  while (low < high) {
    const pivot = median(slopes[low] ?? 0, slopes[(low + high) >> 1] ?? 0, slopes[high - 1] ?? 0);
    // Three-way partition, descending: [low, above) > pivot, [above, below) = pivot, [below, high) < pivot.
    let above = low;
    let below = high;
    let greater = 0;
    let same = 0;
    for (let k = low; k < below; ) {
      const slope = slopes[k] ?? 0;
      if (slope > pivot) {
        greater += widths[k] ?? 0;
        swap(slopes, widths, k++, above++);
      } else if (slope < pivot) swap(slopes, widths, k, --below);
      else same += widths[k++] ?? 0;
    }
    if (greater > left) high = above;
    else if (greater + same > left) return pivot;
    else {
      left -= greater + same;
      low = below;
    }
  }
  return 0;
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

function swap(slopes: Float64Array, widths: Float64Array, a: number, b: number): void {
  const slope = slopes[a] ?? 0;
  const width = widths[a] ?? 0;
  slopes[a] = slopes[b] ?? 0;
  widths[a] = widths[b] ?? 0;
  slopes[b] = slope;
  widths[b] = width;
}

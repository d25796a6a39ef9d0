// The curve of best damage over file size.

import type { ParetoPoint } from '../protocol/plan.ts';
import { type Frontier, frontierOf } from './frontier.ts';
import type { AllocationProblem } from './problem.ts';

/** As many as a chart can show apart. */
export const MAX_CURVE_POINTS = 200;
/** Vertices computed before the shown ones are picked evenly by bytes. */
const MAX_VERTICES = 4096;

/**
 * Vertices of the lower convex hull of all plans (whole file bytes, total damage), smallest file first: plans of the
 * linear relaxation without a split item, so each is optimal for its own size. Both ends are always among them.
 */
export function paretoCurve(
  problem: AllocationProblem,
  frontier = frontierOf(problem.items),
  points = MAX_CURVE_POINTS,
): ParetoPoint[] {
  const vertices = hullVertices(frontier);
  const last = vertices.length - 1;
  const shown: ParetoPoint[] = [];
  const span = (vertices[last]?.bytes ?? 0) - (vertices[0]?.bytes ?? 0);
  let next = 0;
  for (const [at, vertex] of vertices.entries()) {
    const share = span === 0 ? 0 : (vertex.bytes - (vertices[0]?.bytes ?? 0)) / span;
    // Vertex 0 takes the first place, the last one is kept for the end: points − 1 even steps between.
    if (at !== last && share * (points - 1) < next) continue;
    next = Math.floor(share * (points - 1)) + 1;
    shown.push(point(problem, vertex.bytes, vertex.damage));
  }
  return shown;
}

/** Files that name an importance matrix, though the last few may have nothing it weighed. */
function point(
  { fixedBytes, importanceBytes, parameters }: AllocationProblem,
  itemBytes: number,
  damage: number,
): ParetoPoint {
  const bytes = fixedBytes + importanceBytes + itemBytes;
  return { bytes, bitsPerWeight: (bytes * 8) / parameters, damage };
}

interface Vertex {
  readonly bytes: number;
  readonly damage: number;
}

/** Steps sorted by slope without sorting the steps: slopes are sorted alone, steps are added up per slope interval. */
function hullVertices({ items, start, bytes, damage, hullStart, hull, minBytes }: Frontier): Vertex[] {
  const slopes = new Float64Array((hullStart[items] ?? 0) - items);
  const widths = new Float64Array(slopes.length);
  const savings = new Float64Array(slopes.length);
  let n = 0;
  let worst = 0;
  for (let i = 0; i < items; i++) {
    worst += damage[start[i] ?? 0] ?? 0;
    for (let h = (hullStart[i] ?? 0) + 1; h < (hullStart[i + 1] ?? 0); h++, n++) {
      const a = hull[h - 1] ?? 0;
      const b = hull[h] ?? 0;
      widths[n] = (bytes[b] ?? 0) - (bytes[a] ?? 0);
      savings[n] = (damage[a] ?? 0) - (damage[b] ?? 0);
      slopes[n] = (savings[n] ?? 0) / (widths[n] ?? 1);
    }
  }
  const thresholds = slopeThresholds(slopes);
  const addedBytes = new Float64Array(thresholds.length);
  const savedDamage = new Float64Array(thresholds.length);
  for (let s = 0; s < slopes.length; s++) {
    const at = lastAtMost(thresholds, slopes[s] ?? 0);
    addedBytes[at] = (addedBytes[at] ?? 0) + (widths[s] ?? 0);
    savedDamage[at] = (savedDamage[at] ?? 0) + (savings[s] ?? 0);
  }
  const vertices: Vertex[] = [{ bytes: minBytes, damage: worst }];
  let size = minBytes;
  let left = worst;
  for (let at = thresholds.length - 1; at >= 0; at--) {
    size += addedBytes[at] ?? 0;
    left -= savedDamage[at] ?? 0;
    vertices.push({ bytes: size, damage: Math.max(0, left) });
  }
  return vertices;
}

/** At most `MAX_VERTICES` distinct slopes, ascending, the least one included. */
function slopeThresholds(slopes: Float64Array): Float64Array {
  const sorted = slopes.slice().sort();
  const stride = Math.max(1, Math.ceil(sorted.length / MAX_VERTICES));
  const picked: number[] = [];
  for (let s = 0; s < sorted.length; s += stride) {
    const slope = sorted[s] ?? 0;
    if (slope !== picked.at(-1)) picked.push(slope);
  }
  return Float64Array.from(picked);
}

/** Index of the last element ≤ value; the first element is never above it. */
function lastAtMost(ascending: Float64Array, value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((ascending[middle] ?? 0) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

// Exact refinement: dynamic programming over the core with dominance and bounds, until nothing better can exist.

import { bestSingleChange, buildCore, type Core } from './core.ts';
import type { Frontier } from './frontier.ts';
import { bestFeasible, extend, leastBound, root, type States, thin } from './partialPlans.ts';
import type { Relaxation } from './relaxation.ts';

/** Merging steps after which the search settles for a proven gap: some tens of milliseconds. */
export const MAX_WORK = 4_000_000;
/** Partial plans kept after an item; beyond it those with the worst bound are dropped, and their bound limits the gap. */
export const MAX_STATES = 30_000;
/** Damages closer than this share of their sum count as equal: what doubles lose on such a sum. */
const ROUNDING = 1e-14;

export interface Refined {
  /** Chosen point per item. */
  readonly point: Int32Array;
  /** No plan within the budget has less damage than this plan's minus `excess`; 0 = proven optimal. */
  readonly excess: number;
}

/** How each partial plan of a generation came from the one before. */
type Trail = Pick<States, 'parent' | 'taken'>;

interface Incumbent {
  readonly damage: number;
  readonly bytes: number;
  /** Where it stands in the trails; null for the starting plan. */
  readonly at: { readonly generation: number; readonly state: number } | null;
}

/**
 * Ties: least damage, then fewest bytes.
 * @param total the damage of the whole plan: the scale of rounding
 */
export function refine(frontier: Frontier, relaxation: Relaxation, total: number): Refined {
  const { lambda, slack } = relaxation;
  const rounding = ROUNDING * total;
  const floor = -lambda * slack;
  const start = relaxation.point.slice();
  const single = bestSingleChange(frontier, relaxation);
  if (single !== null) start[single.item] = single.point;
  let best: Incumbent = { damage: single?.deltaDamage ?? 0, bytes: single?.deltaBytes ?? 0, at: null };

  const core = buildCore(frontier, relaxation, best.damage - floor + rounding);
  const trails: Trail[] = [];
  let states = root();
  let work = 0;
  let dropped = Number.POSITIVE_INFINITY;
  for (let c = 0; c < core.items.length && states.length > 0; c++) {
    if (best.damage - floor <= rounding) break;
    if (work > MAX_WORK) {
      dropped = Math.min(dropped, leastBound(states, core, c, slack));
      break;
    }
    const extended = extend(states, core, c, relaxation, best.damage + rounding);
    work += extended.work;
    const thinned = thin(extended.states, core, c + 1, slack, MAX_STATES);
    dropped = Math.min(dropped, thinned.dropped);
    states = thinned.states;
    best = improve(best, states, slack, rounding, c);
    trails.push({ parent: states.parent.slice(0, states.length), taken: states.taken.slice(0, states.length) });
  }
  const point = best.at === null ? start : trace(relaxation.point, core, trails, best.at);
  return { point, excess: Math.max(0, best.damage - Math.max(floor, Math.min(dropped, best.damage))) };
}

function improve(best: Incumbent, states: States, slack: number, rounding: number, generation: number): Incumbent {
  let state = bestFeasible(states, slack);
  if (state < 0) return best;
  const least = states.damage[state] ?? 0;
  while (state > 0 && (states.damage[state - 1] ?? 0) <= least + rounding) state--;
  const bytes = states.bytes[state] ?? 0;
  const better = least < best.damage - rounding || (least <= best.damage + rounding && bytes < best.bytes);
  return better ? { damage: Math.min(least, best.damage), bytes, at: { generation, state } } : best;
}

function trace(
  from: Int32Array,
  core: Core,
  trails: readonly Trail[],
  at: { readonly generation: number; readonly state: number },
): Int32Array {
  const point = from.slice();
  let state = at.state;
  for (let c = at.generation; c >= 0; c--) {
    const trail = trails[c];
    const taken = trail?.taken[state] ?? -1;
    if (taken >= 0) point[core.items[c] ?? 0] = core.points[taken] ?? 0;
    state = trail?.parent[state] ?? 0;
  }
  return point;
}

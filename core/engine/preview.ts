// The plan as a screen follows a drag: by tensor index, in typed arrays, without the reasons.

import type { Frontier } from '../allocation/frontier.ts';
import { type AllocationProblem, membersOf } from '../allocation/problem.ts';
import { chosenBy, solveAllocation } from '../allocation/solve.ts';
import { type Preview, UNPLANNED } from '../protocol/plan.ts';
import { GGUF_TARGETS } from '../quant/ggufTypes.ts';

/**
 * The same optimum as `planSolution`. At 10,000 tensors a twelfth of its bytes: names and reasons stay behind.
 *
 * @param tensors  how many the checkpoint has
 * @param indexOf  from the name of a planned tensor to its index
 * @throws BUDGET_INFEASIBLE quoting the feasible interval
 */
export function previewPlan(
  problem: AllocationProblem,
  frontier: Frontier,
  tensors: number,
  indexOf: ReadonlyMap<string, number>,
): Preview {
  const started = performance.now();
  const allocation = solveAllocation(problem, frontier);
  const solveMs = performance.now() - started;
  const types = new Uint8Array(tensors).fill(UNPLANNED);
  const tensorBytes = new Float64Array(tensors);
  const relativeErrors = new Float64Array(tensors);
  const damages = new Float64Array(tensors);
  for (const [i, item] of problem.items.entries()) {
    for (const member of membersOf(item)) {
      const at = indexOf.get(member.name);
      if (at === undefined) continue;
      const { stored, bytes, relativeError, damage } = chosenBy(member, allocation, i);
      types[at] = GGUF_TARGETS.indexOf(stored);
      tensorBytes[at] = bytes;
      relativeErrors[at] = relativeError;
      damages[at] = damage;
    }
  }
  return {
    bytes: allocation.bytes,
    bitsPerWeight: (allocation.bytes * 8) / problem.parameters,
    damage: allocation.damage,
    gap: allocation.gap,
    feasible: allocation.feasible,
    solveMs,
    types,
    tensorBytes,
    relativeErrors,
    damages,
  };
}

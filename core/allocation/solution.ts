// A solved problem as it is shown and stored: one assignment with its reason per tensor.

import type { Assignment, Solved } from '../protocol/plan.ts';
import { frontierOf } from './frontier.ts';
import { type AllocationProblem, membersOf } from './problem.ts';
import { chosenBy, solveAllocation } from './solve.ts';
import { explain } from './why.ts';

/**
 * Solves and explains. `type` of an assignment is the type the file stores.
 * @throws BUDGET_INFEASIBLE quoting the feasible interval
 */
export function planSolution(problem: AllocationProblem, frontier = frontierOf(problem.items)): Solved {
  const started = performance.now();
  const allocation = solveAllocation(problem, frontier);
  const solveMs = performance.now() - started;
  const why = explain(problem, allocation);
  const tensors = problem.items.flatMap((item, i) =>
    membersOf(item).map((member, m): [string, Assignment] => {
      const { stored, bytes, relativeError, damage } = chosenBy(member, allocation, i);
      return [member.name, { type: stored, bytes, relativeError, damage, why: why(i, m) }];
    }),
  );
  return {
    bytes: allocation.bytes,
    bitsPerWeight: (allocation.bytes * 8) / problem.parameters,
    damage: allocation.damage,
    gap: allocation.gap,
    feasible: allocation.feasible,
    solveMs,
    tensors: Object.fromEntries(tensors),
  };
}

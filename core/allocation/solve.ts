// The exact multiple-choice knapsack: least total damage within the byte budget, with a proven optimality gap.

import { QuantscopeError } from '../base/errors.ts';
import { type Frontier, frontierOf } from './frontier.ts';
import type { AllocationItem, AllocationProblem, Choice } from './problem.ts';
import { refine } from './refinement.ts';
import { relax } from './relaxation.ts';

export interface Allocation {
  /** Per item the chosen choice, index into its `choices`. */
  readonly chosen: Int32Array;
  /** Whole file. Never above the target. */
  readonly bytes: number;
  readonly damage: number;
  /** (damage − proven lower bound) / damage; 0 = proven optimal. */
  readonly gap: number;
  readonly feasible: FeasibleBytes;
}

/** Smallest and largest file the allowed choices can make. */
export interface FeasibleBytes {
  readonly minBytes: number;
  readonly maxBytes: number;
}

/**
 * minimize Σ damage  subject to  fixedBytes + Σ bytes ≤ targetBytes, one allowed choice per item.
 *
 * Linear relaxation, then reduction to a core and dynamic programming on it. Deterministic; ties: fewer bytes, then the
 * earlier choice. The whole is linear in the choices plus the (usually small) core.
 *
 * @param frontier of the same items, to solve again under another budget without rebuilding it
 * @throws BUDGET_INFEASIBLE quoting the feasible interval
 */
export function solveAllocation(problem: AllocationProblem, frontier = frontierOf(problem.items)): Allocation {
  const feasible = feasibleBytes(problem, frontier);
  checkFeasible(problem, feasible);
  const budget = usableBudget(problem.targetBytes - problem.fixedBytes, frontier);
  const relaxation = relax(frontier, budget);
  const refined = refine(frontier, relaxation, totalDamage(frontier, relaxation.point));
  const chosen = Int32Array.from(refined.point, (point) => frontier.choice[point] ?? 0);
  let bytes = problem.fixedBytes;
  let damage = 0;
  for (let i = 0; i < frontier.items; i++) {
    bytes += frontier.bytes[refined.point[i] ?? 0] ?? 0;
    damage += frontier.damage[refined.point[i] ?? 0] ?? 0;
  }
  return { chosen, bytes, damage, gap: damage > 0 ? Math.min(1, refined.excess / damage) : 0, feasible };
}

export function feasibleBytes(problem: AllocationProblem, frontier: Frontier): FeasibleBytes {
  return {
    minBytes: problem.fixedBytes + frontier.minBytes,
    maxBytes: problem.fixedBytes + frontier.maxBytes,
  };
}

/** What a solved plan chose for a tensor of item `item`. */
export function chosenBy(member: AllocationItem, { chosen }: Pick<Allocation, 'chosen'>, item: number): Choice {
  const choice = member.choices[chosen[item] ?? 0];
  if (choice === undefined) throw new QuantscopeError('INTERNAL', `item ${item} of the plan has no choice`);
  return choice;
}

/** Bytes any plan can really come to: all differ from the smallest by multiples of the unit. */
function usableBudget(budget: number, { minBytes, maxBytes, unitBytes }: Frontier): number {
  const capped = Math.min(budget, maxBytes);
  return unitBytes === 0 ? minBytes : minBytes + Math.floor((capped - minBytes) / unitBytes) * unitBytes;
}

function totalDamage({ damage }: Frontier, point: Int32Array): number {
  let total = 0;
  for (const at of point) total += damage[at] ?? 0;
  return total;
}

/** @throws BUDGET_INFEASIBLE quoting the feasible interval */
export function checkFeasible(
  { targetBytes, parameters }: Pick<AllocationProblem, 'targetBytes' | 'parameters'>,
  { minBytes, maxBytes }: FeasibleBytes,
): void {
  if (targetBytes >= minBytes) return;
  const perWeight = (bytes: number): string => ((bytes * 8) / parameters).toFixed(3);
  throw new QuantscopeError(
    'BUDGET_INFEASIBLE',
    `target of ${targetBytes} bytes (${perWeight(targetBytes)} bits per weight): these choices make files of ` +
      `${minBytes} to ${maxBytes} bytes (${perWeight(minBytes)} to ${perWeight(maxBytes)})`,
  );
}

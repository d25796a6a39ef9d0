// The exact multiple-choice knapsack: least total damage within the byte budget, with a proven optimality gap.

import { QuantscopeError } from '../base/errors.ts';
import { type Frontier, frontierOf } from './frontier.ts';
import { type AllocationItem, type AllocationProblem, type Choice, fileBytes } from './problem.ts';
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

/** Smallest file the allowed choices can make, and the largest: a bound where some are weighed and some not. */
export interface FeasibleBytes {
  readonly minBytes: number;
  readonly maxBytes: number;
}

/**
 * minimize Σ damage  subject to  fixedBytes + Σ bytes ≤ targetBytes, one allowed choice per item; the head is larger by
 * `importanceBytes` unless no choice is weighed, so those are solved apart.
 *
 * Linear relaxation, then reduction to a core and dynamic programming on it. Deterministic; ties: fewer bytes, then the
 * earlier choice. The whole is linear in the choices plus the (usually small) core.
 *
 * @param frontier of the same items, to solve again under another budget without rebuilding it
 * @throws BUDGET_INFEASIBLE quoting the feasible interval
 */
export function solveAllocation(problem: AllocationProblem, frontier = frontierOf(problem.items)): Allocation {
  const unweighed = unweighedChoices(problem);
  const feasible = feasibleBytes(problem, frontier, unweighed);
  checkFeasible(problem, feasible);
  const weighedHead = problem.fixedBytes + problem.importanceBytes;
  const plans = [
    ...(unweighed === null ? [] : within(unweighed.frontier, problem.targetBytes, problem.fixedBytes)),
    ...within(frontier, problem.targetBytes, weighedHead),
  ];
  const [first, second = first] = plans;
  if (first === undefined || second === undefined)
    throw new QuantscopeError('INTERNAL', 'a feasible budget has no plan');
  const best = second.damage < first.damage ? second : first;
  const bound = Math.min(first.damage - first.excess, second.damage - second.excess);
  const { chosen, damage } = best;
  const bytes = fileBytes(
    problem,
    problem.items.map((item, i) => chosenBy(item, best, i)),
  );
  return { chosen, bytes, damage, gap: damage > 0 ? Math.min(1, (damage - bound) / damage) : 0, feasible };
}

/** Least damage of items behind a head of so many bytes; nothing where they do not fit. */
function within(frontier: Frontier, targetBytes: number, headBytes: number): Solution[] {
  if (headBytes + frontier.minBytes > targetBytes) return [];
  const budget = usableBudget(targetBytes - headBytes, frontier);
  const relaxation = relax(frontier, budget);
  const { point, excess } = refine(frontier, relaxation, totalDamage(frontier, relaxation.point));
  const chosen = Int32Array.from(point, (at) => frontier.choice[at] ?? 0);
  return [{ chosen, damage: totalDamage(frontier, point), excess }];
}

interface Solution extends Pick<Allocation, 'chosen' | 'damage'> {
  /** No plan of that head has less damage than this one's minus `excess`. */
  readonly excess: number;
}

/** Choices importance has no say in: files of them need not name it. */
interface Unweighed {
  readonly frontier: Frontier;
  /** True where it has no say in any. */
  readonly isAll: boolean;
}

const unweighedOf = new WeakMap<readonly AllocationItem[], Unweighed | null>();

/** Null where a name takes no bytes, or an item has no such choice. */
function unweighedChoices({ items, importanceBytes }: AllocationProblem): Unweighed | null {
  if (importanceBytes === 0) return null;
  const known = unweighedOf.get(items);
  if (known !== undefined) return known;
  const left = items.map(({ choices, allowed }) => {
    return { choices, allowed: allowed.filter((at) => choices[at]?.weighed === false) };
  });
  const isAll = left.every(({ allowed }, i) => allowed.length === items[i]?.allowed.length);
  const found = left.every(({ allowed }) => allowed.length > 0) ? { frontier: frontierOf(left), isAll } : null;
  unweighedOf.set(items, found);
  return found;
}

function feasibleBytes(
  { fixedBytes, importanceBytes }: AllocationProblem,
  frontier: Frontier,
  unweighed: Unweighed | null,
): FeasibleBytes {
  const least = fixedBytes + importanceBytes + frontier.minBytes;
  const most = fixedBytes + importanceBytes + frontier.maxBytes;
  if (unweighed === null) return { minBytes: least, maxBytes: most };
  return {
    minBytes: Math.min(least, fixedBytes + unweighed.frontier.minBytes),
    maxBytes: unweighed.isAll ? fixedBytes + frontier.maxBytes : most,
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

// The same tensors under other damages, or held up to a plan that is known: problems made from a problem.

import type { Assignment, Solved } from '../protocol/plan.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import { type AllocationItem, type AllocationProblem, type Choice, fileBytes, membersOf } from './problem.ts';

/** What each planned tensor is stored in, by name. */
export type TypesByName = Readonly<Record<string, GgufTarget>>;

/** Damages times a factor per role; 1 for roles without one. */
export function scaledProblem(problem: AllocationProblem, scales: ReadonlyMap<string, number>): AllocationProblem {
  const scaled = (item: AllocationItem): AllocationItem => {
    if (item.members === undefined) {
      const factor = scales.get(item.role) ?? 1;
      return { ...item, choices: item.choices.map((choice) => ({ ...choice, damage: choice.damage * factor })) };
    }
    const members = item.members.map(scaled);
    const choices = item.choices.map((choice, k) => {
      return { ...choice, damage: members.reduce((sum, { choices: own }) => sum + (own[k]?.damage ?? 0), 0) };
    });
    return { ...item, members, choices };
  };
  return { ...problem, items: problem.items.map(scaled) };
}

/** Predicted damage of a plan by role; null where an item has no such choice. */
export function damageByRole(problem: AllocationProblem, types: TypesByName): Map<string, number> | null {
  const sums = new Map<string, number>();
  for (const item of problem.items) {
    for (const member of membersOf(item)) {
      const choice = member.choices.find(({ stored }) => stored === types[member.name]);
      if (choice === undefined) return null;
      sums.set(member.role, (sums.get(member.role) ?? 0) + choice.damage);
    }
  }
  return sums;
}

/** No tensor gets less than the plan gives it, where rules allow as much: solving it spends what the plan leaves. */
export function atLeast(problem: AllocationProblem, types: TypesByName): AllocationProblem {
  const items = problem.items.map((item) => {
    const least = choiceIndex(item, types);
    const bytes = least === null ? 0 : (item.choices[least]?.bytes ?? 0);
    const allowed = item.allowed.filter((at) => (item.choices[at]?.bytes ?? 0) >= bytes);
    return allowed.length > 0 ? { ...item, allowed } : item;
  });
  return { ...problem, items };
}

/**
 * A known plan as a solution; null where rules do not allow it or it is too large.
 * @param why the sentence of every tensor
 * @param bound least damage of any plan of this problem
 */
export function adoptedSolution(
  problem: AllocationProblem,
  types: TypesByName,
  { why, bound, feasible }: { why: string; bound: number; feasible: Solved['feasible'] },
): Solved | null {
  const tensors: [string, Assignment][] = [];
  const chosen: Choice[] = [];
  for (const item of problem.items) {
    const at = choiceIndex(item, types);
    if (at === null || !item.allowed.includes(at)) return null;
    for (const { name, choices } of membersOf(item)) {
      const choice = choices[at];
      if (choice === undefined) return null;
      tensors.push([name, assignment(choice, why)]);
      chosen.push(choice);
    }
  }
  const bytes = fileBytes(problem, chosen);
  const damage = chosen.reduce((sum, choice) => sum + choice.damage, 0);
  if (bytes > problem.targetBytes) return null;
  const gap = damage > 0 ? Math.max(0, 1 - bound / damage) : 0;
  return {
    bytes,
    bitsPerWeight: (bytes * 8) / problem.parameters,
    damage,
    gap,
    feasible,
    solveMs: 0,
    tensors: Object.fromEntries(tensors),
  };
}

function assignment({ stored, bytes, relativeError, damage }: Choice, why: string): Assignment {
  return { type: stored, bytes, relativeError, damage, why };
}

/** The choice that stores every member as the plan does. */
function choiceIndex(item: AllocationItem, types: TypesByName): number | null {
  const members = membersOf(item);
  const found = item.choices.findIndex((_, k) =>
    members.every(({ name, choices }) => choices[k]?.stored === types[name]),
  );
  return found < 0 ? null : found;
}

// Plans side by side: what is known of each, which measured best, and whether one beats the present plan.

import type { PlanMeasure, Rival, ScoreId } from '../../core/protocol/calibration.ts';
import type { Solution } from '../../core/protocol/plan.ts';
import { typesOfCode } from '../../core/protocol/typeCode.ts';
import { type Comparison, codeOf, type KeptPlan, type MeasureBasis, measureOf, planKey } from './keptPlans.ts';
import type { ViewState } from './viewState.ts';

/** Files of one plan differ by padding; more than this is another size. */
const SAME_SIZE = 1.001;

export interface ComparedPlan {
  readonly key: string;
  readonly kind: 'current' | 'kept' | 'rival';
  readonly plan: Rival;
  /** Damage the solver predicts, in the unit of its score; NaN where nobody asked it. */
  readonly predicted: number;
  readonly measure: PlanMeasure | null;
  readonly kept: KeptPlan | null;
}

export interface ComparisonSources {
  readonly solution: Solution | null;
  readonly rivals: readonly Rival[];
  readonly comparison: Comparison;
  readonly names: readonly string[];
  /** What the present plan goes by. */
  readonly score: ScoreId | null;
  /** What plans are measured on; figures of other texts are not comparable and not shown. */
  readonly basis: MeasureBasis;
}

/** The present plan first, then kept ones, then rivals; plans that are the same are shown once. */
export function comparedPlans(sources: ComparisonSources): ComparedPlan[] {
  const { solution, rivals, comparison, names, score, basis } = sources;
  const found = new Map<string, ComparedPlan>();
  const add = (kind: ComparedPlan['kind'], plan: Rival, predicted: number, kept: KeptPlan | null): void => {
    const key = planKey(plan.code);
    if (found.has(key)) return;
    const measure = measureOf(comparison, key, basis);
    found.set(key, { key, kind, plan, predicted, measure, kept });
  };
  if (solution !== null) add('current', currentPlan(solution, names), solution.damage, null);
  for (const kept of comparison.kept) {
    // Of a table with other tensors it says nothing.
    if (kept.code.length !== names.length) continue;
    add('kept', kept, kept.score === score ? kept.predicted : Number.NaN, kept);
  }
  for (const rival of rivals) add('rival', rival, Number.NaN, null);
  return [...found.values()];
}

export function currentPlan(solution: Solution, names: readonly string[]): Rival {
  const { bytes, bitsPerWeight } = solution;
  return { label: 'this plan', bytes, bitsPerWeight, code: codeOf(solution, names) };
}

/** The plan with the least measured divergence among those no larger than `mostBytes`; null before two are measured. */
export function bestMeasured(plans: readonly ComparedPlan[], mostBytes: number): ComparedPlan | null {
  const fitting = plans.filter(({ plan, measure }) => measure !== null && plan.bytes <= mostBytes * SAME_SIZE);
  if (fitting.length < 2) return null;
  const mean = ({ measure }: ComparedPlan): number => measure?.divergence.mean ?? Infinity;
  return fitting.reduce((best, plan) => (mean(plan) < mean(best) ? plan : best));
}

export interface Defeat {
  readonly winner: ComparedPlan;
  /** Nats by which it is better. */
  readonly by: number;
  /** Whether the difference exceeds two standard errors of it. */
  readonly sure: boolean;
}

/** The rival or kept plan of at most the present plan's size that measured better than it, if any. */
export function defeat(plans: readonly ComparedPlan[]): Defeat | null {
  const current = plans.find(({ kind }) => kind === 'current');
  if (current === undefined || current.measure === null) return null;
  const winner = bestMeasured(plans, current.plan.bytes);
  if (winner === null || winner.measure === null || winner === current) return null;
  const ours = current.measure.divergence;
  const theirs = winner.measure.divergence;
  const by = ours.mean - theirs.mean;
  if (!(by > 0)) return null;
  return { winner, by, sure: by > 2 * Math.hypot(ours.error, theirs.error) };
}

/** Every tensor of the plan pinned to its type, under a budget that fits it. Pins stay sorted by name. */
export function takenOver(state: ViewState, plan: Rival, names: readonly string[]): Partial<ViewState> {
  const types = typesOfCode(plan.code);
  const pins = names.flatMap((name, t) => {
    const type = types[t];
    return type == null ? [] : [{ name, type }];
  });
  pins.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return { pins, targetBytes: Math.max(state.targetBytes ?? 0, plan.bytes) };
}

// A plan that was checked: solved, measured beside its rivals, refined by what was measured; the best one is kept.

import { groupScales, type PlanObservation } from '../allocation/groupScales.ts';
import {
  adoptedSolution,
  atLeast,
  damageByRole,
  scaledProblem,
  type TypesByName,
} from '../allocation/otherProblems.ts';
import type { AllocationProblem } from '../allocation/problem.ts';
import { planSolution } from '../allocation/solution.ts';
import { QuantscopeError } from '../base/errors.ts';
import type { StoredTypes } from '../forward/plannedWeights.ts';
import type { PlanMeasure, RunSettings } from '../protocol/calibration.ts';
import type { PlanRequest, Solved } from '../protocol/plan.ts';
import { type GgufTarget, isQuantizable } from '../quant/ggufTypes.ts';
import type { Importance } from '../quant/importance.ts';
import { comparedText, comparePlans } from './comparingPlans.ts';
import { measureOf, rivalPlans } from './evaluatingPlans.ts';
import { prepare } from './planning.ts';
import type { OpenModel, Session } from './session.ts';

/** Further rounds moved the sample's plans by less than their error. */
const REFINEMENTS = 2;

export interface CheckOptions {
  /** What the plans are measured on. */
  readonly settings: RunSettings;
  readonly importance: Importance | undefined;
  readonly signal: AbortSignal;
}

export interface CheckedPlan {
  /** The best plan that was measured, within budget and rules. */
  readonly solution: Solved;
  readonly written: string;
  /** In the order they were measured. */
  readonly measures: readonly PlanMeasure[];
  /** What was found, in a sentence. */
  readonly statement: string;
}

/** A plan to measure; `solution` is null for those of others. */
interface Candidate {
  readonly label: string;
  readonly bytes: number;
  readonly bitsPerWeight: number;
  readonly types: TypesByName;
  readonly solution: Solved | null;
}

interface Tried {
  readonly candidate: Candidate;
  readonly measure: PlanMeasure;
}

/**
 * Solve, measure beside the known plans of about that size, correct the predictions by what was measured, solve again.
 * A known plan that measures less than every solved one is taken over, filled up to the budget where that helps: what is
 * given back has the least measured divergence of all that were tried within budget and rules.
 *
 * @throws what solving and running throw
 */
export async function checkedPlan(
  session: Session,
  model: OpenModel,
  request: PlanRequest,
  { settings, importance, signal }: CheckOptions,
): Promise<CheckedPlan> {
  const text = await comparedText(model, settings);
  const prepared = await prepare(model, request);
  const problem: AllocationProblem = { ...prepared.problem, targetBytes: request.targetBytes };
  const tried: Tried[] = [];
  const measure = async (candidates: readonly Candidate[]): Promise<void> => {
    const plans = candidates.map((candidate) => ({ ...candidate, types: byIndex(model, candidate.types) }));
    const comparisons = await comparePlans(session, model, plans, { text, importance, signal });
    for (const [at, candidate] of candidates.entries()) {
      const [plan, comparison] = [plans[at], comparisons[at]];
      if (plan === undefined || comparison === undefined)
        throw new QuantscopeError('INTERNAL', `${candidate.label} was not measured`);
      tried.push({ candidate, measure: measureOf(model, plan, comparison, text.about) });
    }
  };
  const first = planSolution(problem, prepared.frontier);
  const rivals = await rivalsAsCandidates(model, request, importance !== undefined);
  await measure([solvedCandidate('solved plan', first), ...rivals]);
  let corrected = problem;
  for (let round = 1; round <= REFINEMENTS; round++) {
    corrected = scaledProblem(problem, groupScales(observationsOf(problem, tried)));
    const again = solvedCandidate(`refined plan ${round}`, planSolution(corrected));
    if (tried.some(({ candidate }) => sameTypes(candidate.types, again.types))) break;
    await measure([again]);
  }
  const told = { bound: first.damage * (1 - first.gap), feasible: first.feasible };
  const adopt = ({ candidate }: Tried): Solved | null =>
    candidate.solution ??
    adoptedSolution(problem, candidate.types, {
      ...told,
      why: `As in ${candidate.label}: of all plans that were measured, it changed predictions least.`,
    });
  const leader = best(tried.filter((one) => adopt(one) !== null));
  if (leader.candidate.solution === null) {
    const filled = planSolution(atLeast(corrected, leader.candidate.types));
    const candidate = solvedCandidate(`${leader.candidate.label}, filled up`, filled);
    if (!sameTypes(candidate.types, leader.candidate.types)) await measure([candidate]);
  }
  const winner = best(tried.filter((one) => adopt(one) !== null));
  const solution = adopt(winner);
  if (solution === null) throw new QuantscopeError('INTERNAL', `${winner.candidate.label} is no plan of this request`);
  const statement = statementOf(winner, tried, request.targetBytes);
  return { solution, written: winner.candidate.label, measures: tried.map((one) => one.measure), statement };
}

async function rivalsAsCandidates(model: OpenModel, request: PlanRequest, imatrix: boolean): Promise<Candidate[]> {
  const names = model.checkpoint.tensors.filter(isQuantizable).map(({ name }) => name);
  return (await rivalPlans(model, request, imatrix)).map(({ label, kind, bytes, bitsPerWeight, types }) => {
    const byName = names.map((name, at): [string, GgufTarget] => [name, types[at] ?? 'F16']);
    const own = kind === 'uniform' ? `uniform ${label}` : label;
    return { label: own, bytes, bitsPerWeight, types: Object.fromEntries(byName), solution: null };
  });
}

function byIndex({ checkpoint }: OpenModel, types: TypesByName): StoredTypes {
  const planned = checkpoint.tensors.filter(({ name }) => Object.hasOwn(types, name));
  return new Map(planned.map(({ index, name }) => [index, types[name] ?? 'F16']));
}

function solvedCandidate(label: string, solution: Solved): Candidate {
  const { bytes, bitsPerWeight, tensors } = solution;
  const types = Object.fromEntries(Object.entries(tensors).map(([name, { type }]) => [name, type]));
  return { label, bytes, bitsPerWeight, types, solution };
}

function observationsOf(problem: AllocationProblem, tried: readonly Tried[]): PlanObservation[] {
  return tried.flatMap(({ candidate, measure }) => {
    const contributions = damageByRole(problem, candidate.types);
    const { mean, error } = measure.divergence;
    return contributions === null ? [] : [{ contributions, measured: mean, error }];
  });
}

function sameTypes(a: TypesByName, b: TypesByName): boolean {
  return Object.entries(a).every(([name, type]) => b[name] === type);
}

/** Least measured divergence; the earlier of equals. @param tried never empty: the solved plan is always among them */
function best(tried: readonly Tried[]): Tried {
  const [first, ...others] = tried;
  if (first === undefined) throw new QuantscopeError('INTERNAL', 'no plan was measured');
  const value = ({ measure }: Tried): number => measure.divergence.mean;
  return others.reduce((least, one) => (value(one) < value(least) ? one : least), first);
}

function statementOf(winner: Tried, tried: readonly Tried[], targetBytes: number): string {
  const own = `${winner.candidate.label} is written: ${natsOf(winner)}`;
  const known = tried.filter(({ candidate }) => candidate.solution === null && candidate.bytes <= targetBytes);
  if (known.length === 0) return `${own}; no known plan fits the budget`;
  const rival = best(known);
  const rivalMean = rival.measure.divergence.mean;
  const mean = winner.measure.divergence.mean;
  if (rivalMean < mean)
    return `${own}; ${rival.candidate.label} measured less, ${natsOf(rival)}, but choices and rules do not allow it`;
  const solved = tried[0];
  if (solved !== undefined && (winner === rival || winner.candidate.label.startsWith(rival.candidate.label)))
    return `${own}; it beats the solved plan, ${natsOf(solved)}`;
  const share = (100 * (1 - mean / rivalMean)).toFixed(0);
  return `${own}, ${share} % below the best known plan within the budget, ${rival.candidate.label} (${natsOf(rival)})`;
}

function natsOf({ measure }: Tried): string {
  const { mean, error } = measure.divergence;
  return `${mean.toPrecision(3)} ± ${error.toPrecision(1)} nats`;
}

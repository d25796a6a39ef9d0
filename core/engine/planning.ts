// Plans for an open model: its sensitivity and its exact output size, put to the solver.

import { feasibleInterval } from '../allocation/feasibleInterval.ts';
import { type Frontier, frontierOf } from '../allocation/frontier.ts';
import { knownPlans, landmarkOf } from '../allocation/knownPlans.ts';
import { type MeasuredItem, measureItems } from '../allocation/measuredItems.ts';
import { mixFactsOf } from '../allocation/mixFacts.ts';
import { paretoCurve } from '../allocation/pareto.ts';
import { type AllocationProblem, buildProblem, type SizeModel } from '../allocation/problem.ts';
import { BOUND_BASIS, rateBound } from '../allocation/rateBound.ts';
import { planSolution } from '../allocation/solution.ts';
import { checkFeasible, type FeasibleBytes } from '../allocation/solve.ts';
import { QuantscopeError } from '../base/errors.ts';
import { countParameters } from '../checkpoint/checkpoint.ts';
import { refuseImatrix } from '../checkpoint/imatrixDetails.ts';
import { ggufSize } from '../export/gguf/layout.ts';
import type { Result } from '../protocol/calls.ts';
import type { PlanRequest, Preview, Solved } from '../protocol/plan.ts';
import { isQuantizable } from '../quant/ggufTypes.ts';
import { importanceInUse } from './calibratingState.ts';
import { scoreKey, weightedRows } from './planWeights.ts';
import { previewPlan } from './preview.ts';
import { scanOf } from './sensitivityCall.ts';
import type { OpenModel } from './session.ts';

/**
 * What file sizes the request allows, before anything is measured.
 * @throws BUDGET_INFEASIBLE, LOCK_MATCHED_NOTHING, PATTERN_INVALID; UNSUPPORTED_ARCHITECTURE for importance matrices
 */
export async function feasibleFor(model: OpenModel, request: PlanRequest): Promise<FeasibleBytes> {
  refuseImatrix(model.checkpoint);
  const { tensors } = model.checkpoint;
  const feasible = feasibleInterval(tensors, await sizeOf(model), request);
  checkFeasible({ targetBytes: request.targetBytes, parameters: countParameters(tensors) }, feasible);
  return feasible;
}

/** @throws BUDGET_INFEASIBLE, LOCK_MATCHED_NOTHING, PATTERN_INVALID, and PLAN_INVALID before sensitivity is complete */
export async function solveFor(model: OpenModel, request: PlanRequest): Promise<Solved> {
  const { problem, frontier } = await prepare(model, request);
  return planSolution({ ...problem, targetBytes: request.targetBytes }, frontier);
}

/** As `solveFor`, without names and reasons. */
export async function previewFor(model: OpenModel, request: PlanRequest): Promise<Preview> {
  const { problem, frontier } = await prepare(model, request);
  const { tensors } = model.checkpoint;
  return previewPlan({ ...problem, targetBytes: request.targetBytes }, frontier, tensors.length, indexOf(model));
}

const indices = new WeakMap<OpenModel, Map<string, number>>();

function indexOf(model: OpenModel): Map<string, number> {
  let index = indices.get(model);
  if (index === undefined) {
    index = new Map(model.checkpoint.tensors.map(({ name }, i) => [name, i]));
    indices.set(model, index);
  }
  return index;
}

export async function paretoOf(model: OpenModel, request: PlanRequest): Promise<Result<'pareto'>> {
  const { problem, frontier, items } = await prepare(model, request);
  const { checkpoint } = model;
  const imatrix = (await importanceInUse(model)) !== undefined;
  const known = knownPlans(checkpoint.tensors, request.choices, mixFactsOf(checkpoint), imatrix);
  const points = paretoCurve(problem, frontier);
  const maxBytes = points.at(-1)?.bytes ?? 0;
  return {
    points,
    landmarks: known.map((plan) => landmarkOf(problem, items, plan)),
    bound: rateBound(items, { ...problem, maxBytes }),
    boundBasis: BOUND_BASIS,
  };
}

export interface Prepared {
  /** What the items depend on, and what the problem depends on besides its budget, as text. */
  readonly choices: string;
  readonly rules: string;
  readonly items: readonly MeasuredItem[];
  readonly problem: AllocationProblem;
  readonly frontier: Frontier;
}

const prepared = new WeakMap<OpenModel, Prepared>();

/** A drag changes nothing but the target, a lock nothing but rules: items, problem and hulls are kept between calls. */
export async function prepare(model: OpenModel, { targetBytes, ...rules }: PlanRequest): Promise<Prepared> {
  const { checkpoint, sensitivity } = model;
  refuseImatrix(checkpoint);
  const needed = checkpoint.tensors.filter(isQuantizable).length;
  const { name } = checkpoint;
  if (needed === 0)
    throw new QuantscopeError(
      'PLAN_INVALID',
      `${name}: nothing to plan: no tensor is a float matrix of two or more dimensions`,
    );
  if (sensitivity.size < needed)
    throw new QuantscopeError(
      'PLAN_INVALID',
      `${name}: sensitivity is known for ${sensitivity.size} of ${needed} tensors; run it first`,
    );
  const weighted = weightedRows(model, rules.score);
  const basis = [scoreKey(model, rules.score), scanOf(model), (await importanceInUse(model))?.id];
  const keys = { choices: JSON.stringify([rules.choices, basis]), rules: JSON.stringify([rules, basis]) };
  const known = prepared.get(model);
  if (known?.rules === keys.rules) return known;
  const size = await sizeOf(model);
  const { tensors } = checkpoint;
  const items =
    known?.choices === keys.choices
      ? known.items
      : measureItems(tensors.filter(isQuantizable), weighted, size, rules.choices);
  const problem = buildProblem(tensors, weighted, size, { targetBytes, ...rules }, items);
  const fresh = { ...keys, items, problem, frontier: frontierOf(problem.items) };
  prepared.set(model, fresh);
  return fresh;
}

const sizes = new WeakMap<OpenModel, { readonly importance: string | undefined; readonly size: Promise<SizeModel> }>();

/** Laying out the metadata reads tokenizer and configuration: once per model and importance, which the file names. */
export async function sizeOf(model: OpenModel): Promise<SizeModel> {
  const importance = await importanceInUse(model);
  const known = sizes.get(model);
  if (known !== undefined && known.importance === importance?.id) return known.size;
  const size = ggufSize(model.checkpoint, importance);
  sizes.set(model, { importance: importance?.id, size });
  size.catch(() => sizes.delete(model));
  return size;
}

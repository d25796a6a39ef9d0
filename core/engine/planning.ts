// Plans for an open model: its sensitivity and its exact output size, put to the solver.

import { feasibleInterval } from '../allocation/feasibleInterval.ts';
import { type Frontier, frontierOf } from '../allocation/frontier.ts';
import { paretoCurve, uniformLandmarks } from '../allocation/pareto.ts';
import { type AllocationProblem, buildProblem, type SizeModel } from '../allocation/problem.ts';
import { planSolution } from '../allocation/solution.ts';
import { checkFeasible, type FeasibleBytes } from '../allocation/solve.ts';
import { QuantscopeError } from '../base/errors.ts';
import { countParameters } from '../checkpoint/checkpoint.ts';
import { ggufSize } from '../export/gguf/layout.ts';
import type { Landmark, ParetoPoint, PlanRequest, Solved } from '../protocol/plan.ts';
import { isQuantizable } from '../quant/ggufTypes.ts';
import type { OpenModel } from './session.ts';

/** What file sizes the request allows, before anything is measured. @throws BUDGET_INFEASIBLE, LOCK_MATCHED_NOTHING, PATTERN_INVALID */
export async function feasibleFor(model: OpenModel, request: PlanRequest): Promise<FeasibleBytes> {
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

export async function paretoOf(
  model: OpenModel,
  request: PlanRequest,
): Promise<{ points: ParetoPoint[]; landmarks: Landmark[] }> {
  const { problem, frontier } = await prepare(model, request);
  return { points: paretoCurve(problem, frontier), landmarks: uniformLandmarks(problem) };
}

interface Prepared {
  /** What the problem depends on, as text: everything of a request but its budget. */
  readonly key: string;
  readonly problem: AllocationProblem;
  readonly frontier: Frontier;
}

const prepared = new WeakMap<OpenModel, Prepared>();

/** Dragging the budget changes nothing but the target: the problem and its hulls are kept between calls. */
async function prepare(model: OpenModel, { targetBytes, ...rules }: PlanRequest): Promise<Prepared> {
  const { checkpoint, sensitivity } = model;
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
  const key = JSON.stringify(rules);
  const known = prepared.get(model);
  if (known?.key === key) return known;
  const size = await sizeOf(model);
  const problem = buildProblem(checkpoint.tensors, sensitivity.values(), size, { targetBytes, ...rules });
  const fresh = { key, problem, frontier: frontierOf(problem.items) };
  prepared.set(model, fresh);
  return fresh;
}

const sizes = new WeakMap<OpenModel, Promise<SizeModel>>();

/** Laying out the metadata reads tokenizer and configuration: once per model. */
export function sizeOf(model: OpenModel): Promise<SizeModel> {
  let size = sizes.get(model);
  if (size === undefined) {
    size = ggufSize(model.checkpoint);
    size.catch(() => sizes.delete(model));
    sizes.set(model, size);
  }
  return size;
}

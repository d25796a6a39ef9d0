// Plans for an open model: its sensitivity and its exact output size, put to the solver.

import { frontierOf } from '../allocation/frontier.ts';
import { paretoCurve, uniformLandmarks } from '../allocation/pareto.ts';
import { buildProblem, type SizeModel } from '../allocation/problem.ts';
import { planSolution } from '../allocation/solution.ts';
import { QuantscopeError } from '../base/errors.ts';
import { ggufSize } from '../export/gguf/layout.ts';
import type { Landmark, ParetoPoint, PlanRequest, Solved } from '../protocol/plan.ts';
import { isQuantizable } from '../quant/ggufTypes.ts';
import type { OpenModel } from './session.ts';

/** @throws BUDGET_INFEASIBLE, LOCK_MATCHED_NOTHING, PATTERN_INVALID, and PLAN_INVALID before sensitivity is complete */
export async function solveFor(model: OpenModel, request: PlanRequest): Promise<Solved> {
  return planSolution(await problemOf(model, request));
}

export async function paretoOf(
  model: OpenModel,
  request: PlanRequest,
): Promise<{ points: ParetoPoint[]; landmarks: Landmark[] }> {
  const problem = await problemOf(model, request);
  return { points: paretoCurve(problem, frontierOf(problem.items)), landmarks: uniformLandmarks(problem) };
}

async function problemOf(model: OpenModel, request: PlanRequest) {
  const { checkpoint, sensitivity } = model;
  const needed = checkpoint.tensors.filter(isQuantizable).length;
  if (needed === 0)
    throw new QuantscopeError(
      'PLAN_INVALID',
      `${checkpoint.name}: no tensor can be quantized: none is a float matrix of two or more dimensions`,
    );
  if (sensitivity.size < needed)
    throw new QuantscopeError(
      'PLAN_INVALID',
      `${checkpoint.name}: sensitivity is known for ${sensitivity.size} of ${needed} tensors; run it first`,
    );
  return buildProblem(checkpoint.tensors, sensitivity.values(), await sizeOf(model), request);
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

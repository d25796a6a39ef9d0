// Plans measured on the running model, and the plans everyone knows to measure them against.

import { knownPlans, landmarkOf } from '../allocation/knownPlans.ts';
import { mixFactsOf } from '../allocation/mixFacts.ts';
import { nearRivals, type RivalPlan } from '../allocation/rivals.ts';
import { type Checkpoint, matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import { tokensPerSecond } from '../evaluation/planSpeed.ts';
import type { PlanMeasure, Rival, RunSettings } from '../protocol/calibration.ts';
import type { PlanRequest } from '../protocol/plan.ts';
import { typeCode } from '../protocol/typeCode.ts';
import { isQuantizable, targetBytes } from '../quant/ggufTypes.ts';
import type { Importance } from '../quant/importance.ts';
import { comparedText, comparePlans, type MeasuredPlan, typesFromCode } from './comparingPlans.ts';
import type { DatedComparison } from './keptComparisons.ts';
import { memoryBandwidth } from './memoryBandwidth.ts';
import { prepare } from './planning.ts';
import { weightedRows } from './planWeights.ts';
import type { OpenModel, Session } from './session.ts';

/** @throws PLAN_INVALID before sensitivity is complete, and what solving throws */
export async function rivalsOf(model: OpenModel, request: PlanRequest, imatrix: boolean): Promise<Rival[]> {
  const { tensors } = model.checkpoint;
  return (await rivalPlans(model, request, imatrix)).map(({ label, bytes, bitsPerWeight, types }) => {
    let at = 0;
    const code = typeCode(tensors.map((tensor) => (isQuantizable(tensor) ? (types[at++] ?? null) : null)));
    return { label, bytes, bitsPerWeight, code };
  });
}

/** The known plans nearest to the request's size, with their predicted damage. */
export async function rivalPlans(model: OpenModel, request: PlanRequest, imatrix: boolean): Promise<RivalPlan[]> {
  const { problem, items } = await prepare(model, request);
  const { checkpoint } = model;
  const known = knownPlans(checkpoint.tensors, request.choices, mixFactsOf(checkpoint), imatrix);
  const rivals = known.map((plan) => ({ ...plan, ...landmarkOf(problem, items, plan) }));
  return nearRivals(rivals, request.targetBytes);
}

/** The plans of a call, and a number that its events come back with. */
export interface PlansToMeasure {
  readonly plans: readonly Rival[];
  readonly settings: RunSettings;
  readonly run?: number | undefined;
}

/**
 * One plan after the other: each is told as a `measured` event once it is there.
 * @throws TYPE_UNKNOWN, PLAN_MISMATCH, and what comparing throws
 */
export async function measurePlans(
  session: Session,
  model: OpenModel,
  { plans, settings, run = 0 }: PlansToMeasure,
  importance: Importance | undefined,
  signal: AbortSignal,
): Promise<{ measures: PlanMeasure[] }> {
  const measured = plans.map((plan) => ({ ...plan, types: typesFromCode(model.checkpoint, plan) }));
  const text = await comparedText(model, settings);
  const measures: PlanMeasure[] = [];
  await comparePlans(session, model, measured, {
    ...{ text, importance, signal, together: 1 },
    onCompared(at, comparison) {
      const plan = measured[at];
      if (plan === undefined) return;
      const measure = measureOf(model, plan, comparison, text.about);
      measures[at] = measure;
      session.emit('measured', { model: model.id, run, plan: at, measure });
    },
  });
  return { measures };
}

/** @param about the text it was measured on, for people */
export function measureOf(
  model: OpenModel,
  plan: MeasuredPlan,
  comparison: DatedComparison,
  about: string,
): PlanMeasure {
  const { divergence, original, perplexity, error, topAgreement, topAgreementError, tokens } = comparison;
  const { mean, p99, p999 } = divergence;
  return {
    label: plan.label,
    bytes: plan.bytes,
    bitsPerWeight: plan.bitsPerWeight,
    predicted: predictedOf(model, plan),
    divergence: { mean, error: divergence.error, p99, p999 },
    perplexity,
    perplexityError: error,
    originalPerplexity: original.perplexity,
    topAgreement,
    topAgreementError,
    tokens,
    ...speedOf(model.checkpoint, plan),
    provenance: {
      kind: 'measured',
      method: `KL divergence from the original's predictions, ${about}; weights as the exporter would store them`,
      at: comparison.at,
      fingerprint: model.checkpoint.fingerprint,
    },
  };
}

/** Nats, from measured divergences of single tensors; NaN where they were not measured. */
function predictedOf(model: OpenModel, { types }: MeasuredPlan): number {
  if (!model.scores.has('measuredDivergence')) return Number.NaN;
  let damage = 0;
  for (const { tensor, weight, damages } of weightedRows(model, 'measuredDivergence')) {
    const relativeError = damages.find(({ stored }) => stored === types.get(tensor))?.relativeError ?? Number.NaN;
    damage += (weight ?? Number.NaN) * relativeError;
  }
  return damage;
}

function speedOf(checkpoint: Checkpoint, { types }: MeasuredPlan): Pick<PlanMeasure, 'tokensPerSecond' | 'speedBasis'> {
  const facts = mixFactsOf(checkpoint);
  const bytesPerSecond = memoryBandwidth();
  const expertShare = facts === null || facts.experts === 0 ? 1 : facts.expertsUsed / facts.experts;
  const stored = checkpoint.tensors.map((tensor) => ({ role: tensor.role, bytes: bytesOf(tensor, types) }));
  return {
    tokensPerSecond: tokensPerSecond(stored, { bytesPerSecond, expertShare }),
    speedBasis: `estimate: ${(bytesPerSecond / 1e9).toFixed(1)} GB/s, as one thread copies memory here, over the bytes of weights a token reads`,
  };
}

/** What the plan leaves alone is stored as float32. */
function bytesOf(tensor: TensorInfo, types: MeasuredPlan['types']): number {
  const type = types.get(tensor.index);
  const { rows, columns } = matrixShape(tensor);
  return type === undefined ? tensor.elements * 4 : targetBytes(type, rows, columns);
}

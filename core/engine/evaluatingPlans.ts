// Plans measured on the running model, and the plans everyone knows to measure them against.

import { knownPlans, landmarkOf } from '../allocation/knownPlans.ts';
import { mixFactsOf } from '../allocation/mixFacts.ts';
import { nearRivals, type RivalPlan } from '../allocation/rivals.ts';
import { QuantscopeError } from '../base/errors.ts';
import { calibrationSet } from '../calibration/calibrationSet.ts';
import { readCalibrationText } from '../calibration/calibrationText.ts';
import { type Checkpoint, matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import { compareChanges } from '../evaluation/comparison.ts';
import type { Comparison } from '../evaluation/comparisonTally.ts';
import { tokensPerSecond } from '../evaluation/planSpeed.ts';
import type { ScoredSequences } from '../evaluation/sequences.ts';
import { Decoder } from '../forward/decoder.ts';
import { plannedWeights, type StoredTypes } from '../forward/plannedWeights.ts';
import type { PlanMeasure, Rival, RunSettings } from '../protocol/calibration.ts';
import type { PlanRequest } from '../protocol/plan.ts';
import { isGgufTarget, isQuantizable, storedType, targetBytes } from '../quant/ggufTypes.ts';
import type { Importance } from '../quant/importance.ts';
import { openTokenizer } from '../tokenizer/textTokenizer.ts';
import { memoryBandwidth } from './memoryBandwidth.ts';
import { prepare } from './planning.ts';
import { weightedRows } from './planWeights.ts';
import { progressReporter } from './progress.ts';
import type { OpenModel, Session } from './session.ts';
import { onUnchanged } from './unchanged.ts';

/** @throws PLAN_INVALID before sensitivity is complete, and what solving throws */
export async function rivalsOf(model: OpenModel, request: PlanRequest, imatrix: boolean): Promise<Rival[]> {
  const planned = model.checkpoint.tensors.filter(isQuantizable);
  return (await rivalPlans(model, request, imatrix)).map(({ label, bytes, bitsPerWeight, types }) => {
    return {
      label,
      bytes,
      bitsPerWeight,
      types: Object.fromEntries(planned.map(({ name }, at) => [name, types[at] ?? ''])),
    };
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

/** @throws TYPE_UNKNOWN, PLAN_MISMATCH, and what running throws */
export async function measurePlans(
  session: Session,
  model: OpenModel,
  { plans, settings }: { readonly plans: readonly Rival[]; readonly settings: RunSettings },
  importance: Importance | undefined,
  signal: AbortSignal,
): Promise<{ measures: PlanMeasure[] }> {
  const { checkpoint } = model;
  const text = await readCalibrationText(settings.text);
  const set = await calibrationSet(text, await openTokenizer(checkpoint), settings);
  const about = `${text.name}, ${set.sequences.length} sequences of ${settings.context} tokens, seed ${settings.seed}`;
  const comparisons = await comparePlans(session, model, plans, { scored: set, importance, signal });
  return { measures: plans.map((plan, at) => measureOf(model, plan, comparisons[at], about)) };
}

export interface PlanRun {
  readonly scored: ScoredSequences;
  /** What the exporter would use. */
  readonly importance: Importance | undefined;
  readonly signal: AbortSignal;
}

/** One comparison with the original per plan; nothing is written. @throws as `measurePlans` */
export async function comparePlans(
  session: Session,
  model: OpenModel,
  plans: readonly Pick<Rival, 'label' | 'types'>[],
  { scored, importance, signal }: PlanRun,
): Promise<Comparison[]> {
  const { checkpoint } = model;
  const types = plans.map((plan) => storedTypes(checkpoint, plan));
  const original = await Decoder.open(checkpoint, session.pool);
  const changes = types.map((own) => original.withWeights(plannedWeights(original.parts.weights, own, importance)));
  const onProgress = progressReporter(model.id, 'evaluation', (event) => session.emit('progress', event));
  return onUnchanged(checkpoint.files, () => compareChanges(original, changes, scored, { signal, onProgress }));
}

function storedTypes({ name, tensors }: Checkpoint, { label, types }: Pick<Rival, 'label' | 'types'>): StoredTypes {
  const stored = new Map(
    tensors.filter(isQuantizable).map((tensor) => {
      const type = Object.hasOwn(types, tensor.name) ? types[tensor.name] : undefined;
      if (type === undefined)
        throw new QuantscopeError('PLAN_MISMATCH', `${label}: says nothing of ${tensor.name} of ${name}`);
      if (!isGgufTarget(type)) throw new QuantscopeError('TYPE_UNKNOWN', `${label}: ${tensor.name}: no type "${type}"`);
      return [tensor.index, storedType(type, matrixShape(tensor).columns)] as const;
    }),
  );
  if (stored.size !== Object.keys(types).length)
    throw new QuantscopeError('PLAN_MISMATCH', `${label}: names tensors that ${name} has not or never quantizes`);
  return stored;
}

/** @param about the text it was measured on, for people */
export function measureOf(
  model: OpenModel,
  plan: Rival,
  comparison: Comparison | undefined,
  about: string,
): PlanMeasure {
  if (comparison === undefined) throw new QuantscopeError('INTERNAL', `${plan.label} was not measured`);
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
      at: new Date().toISOString(),
      fingerprint: model.checkpoint.fingerprint,
    },
  };
}

/** Nats, from measured divergences of single tensors; NaN where they were not measured. */
function predictedOf(model: OpenModel, { types }: Rival): number {
  if (!model.scores.has('measuredDivergence')) return Number.NaN;
  let damage = 0;
  for (const { tensor, weight, damages } of weightedRows(model, 'measuredDivergence')) {
    const { name = '', shape = [] } = model.checkpoint.tensors[tensor] ?? {};
    const type = types[name];
    if (type === undefined || !isGgufTarget(type)) return Number.NaN;
    const stored = storedType(type, shape.at(-1) ?? 1);
    const relativeError = damages.find((found) => found.stored === stored)?.relativeError ?? Number.NaN;
    damage += (weight ?? Number.NaN) * relativeError;
  }
  return damage;
}

function speedOf(checkpoint: Checkpoint, { types }: Rival): Pick<PlanMeasure, 'tokensPerSecond' | 'speedBasis'> {
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
function bytesOf(tensor: TensorInfo, types: Rival['types']): number {
  const type = types[tensor.name];
  const { rows, columns } = matrixShape(tensor);
  if (type === undefined || !isGgufTarget(type)) return tensor.elements * 4;
  return targetBytes(storedType(type, columns), rows, columns);
}

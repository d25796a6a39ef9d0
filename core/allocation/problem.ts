// The allocation problem: per tensor a list of (type, bytes in the final file, damage), a byte budget, and what is fixed.

import { QuantscopeError } from '../base/errors.ts';
import { countParameters, matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import type { Role } from '../model/places.ts';
import type { Damage, SensitivityRow } from '../protocol/objects.ts';
import type { PlanRequest } from '../protocol/plan.ts';
import { type GgufTarget, isQuantizable, storedType } from '../quant/ggufTypes.ts';
import { bitsPerElement } from '../tensor/dtype.ts';
import { damageWeights } from './damageWeights.ts';
import { type Rule, resolveRules } from './rules.ts';

/** What the exporter knows about sizes: `fixedBytes` is everything in the file that no choice changes. */
export interface SizeModel {
  readonly fixedBytes: number;
  paddedBytes(rows: number, columns: number, type: GgufTarget): number;
}

export interface Choice {
  /** What was asked for, and what the file then stores (they differ where rows do not divide into blocks). */
  readonly type: GgufTarget;
  readonly stored: GgufTarget;
  /** In the final file, padding included. */
  readonly bytes: number;
  /** As measured; NaN or infinite where the tensor or its encoding holds non-finite values. */
  readonly relativeError: number;
  /** What the solver minimizes: weight × `relativeError`, or 0 where that is not finite. */
  readonly damage: number;
}

export interface AllocationItem {
  readonly name: string;
  readonly role: Role;
  readonly columns: number;
  /** In the request's order, one per stored type; a type fixed by a rule is appended when the request lacks it. */
  readonly choices: readonly Choice[];
  /** Indices into `choices` the rules leave; never empty. */
  readonly allowed: readonly number[];
  readonly rule: Rule;
  /** True where no choice has a finite damage: the tensor itself holds NaN or infinity. */
  readonly nonFinite: boolean;
}

export interface AllocationProblem {
  readonly items: readonly AllocationItem[];
  readonly fixedBytes: number;
  readonly targetBytes: number;
  /** Parameters of the whole model, planned or not; the divisor of bits per weight. */
  readonly parameters: number;
  /** The types of the request, for uniform landmarks. */
  readonly types: readonly GgufTarget[];
}

type PlannedTensor = Pick<TensorInfo, 'index' | 'name' | 'role' | 'shape' | 'elements' | 'dtype'>;

/**
 * @param tensors the whole checkpoint; what is not quantizable only counts in `parameters` and `size.fixedBytes`
 * @param rows    sensitivity of every quantizable tensor for every type that may be chosen or fixed
 * @throws LOCK_MATCHED_NOTHING, PATTERN_INVALID; PLAN_INVALID where a needed damage was not measured
 */
export function buildProblem(
  tensors: readonly PlannedTensor[],
  rows: Iterable<SensitivityRow>,
  size: SizeModel,
  request: PlanRequest,
): AllocationProblem {
  const planned = tensors.filter(isQuantizable);
  const rules = resolveRules(planned, request);
  const weights = damageWeights(planned);
  const damages = new Map<number, readonly Damage[]>();
  for (const row of rows) damages.set(row.tensor, row.damages);
  return {
    items: planned.map((tensor, at) => {
      const measured = { damages: damages.get(tensor.index) ?? [], weight: weights[at] ?? 0 };
      return buildItem(tensor, measured, rules[at] ?? { kind: 'free' }, size, request.choices);
    }),
    fixedBytes: size.fixedBytes,
    targetBytes: request.targetBytes,
    parameters: countParameters(tensors),
    types: [...new Set(request.choices)],
  };
}

/** Largest whole file that does not exceed `bitsPerWeight`. */
export function bytesForBitsPerWeight(bitsPerWeight: number, parameters: number): number {
  return Math.floor((bitsPerWeight * parameters) / 8);
}

function buildItem(
  tensor: PlannedTensor,
  { damages, weight }: { damages: readonly Damage[]; weight: number },
  rule: Rule,
  size: SizeModel,
  types: readonly GgufTarget[],
): AllocationItem {
  const { rows, columns } = matrixShape(tensor);
  const choices: Choice[] = [];
  const add = (type: GgufTarget): number => {
    const stored = storedType(type, columns);
    const known = choices.findIndex((choice) => choice.stored === stored);
    if (known >= 0) return known;
    const measured = damages.find((damage) => damage.stored === stored);
    if (measured === undefined)
      throw new QuantscopeError('PLAN_INVALID', `${tensor.name}: the damage of ${stored} has not been measured`);
    const { relativeError } = measured;
    const damage = Number.isFinite(relativeError) ? weight * relativeError : 0;
    return choices.push({ type, stored, bytes: size.paddedBytes(rows, columns, stored), relativeError, damage }) - 1;
  };
  for (const type of types) add(type);
  const nonFinite = choices.every(({ relativeError }) => !Number.isFinite(relativeError));
  const allowed = allowedChoices(choices, rule, nonFinite, add);
  return { name: tensor.name, role: tensor.role, columns, choices, allowed, rule, nonFinite };
}

/** Types that keep whatever a float tensor holds, NaN included. */
const FLOATS: readonly GgufTarget[] = ['F32', 'BF16', 'F16'];

function allowedChoices(
  choices: readonly Choice[],
  rule: Rule,
  nonFinite: boolean,
  add: (type: GgufTarget) => number,
): number[] {
  if (rule.kind === 'fixed') return [add(rule.type)];
  const all = choices.map((_, at) => at);
  // A tensor with NaN or infinite weights has no meaningful block scales: only plain floats carry it over.
  const usable = all.filter((at) => {
    const choice = choices[at];
    return choice !== undefined && (nonFinite ? FLOATS.includes(choice.stored) : Number.isFinite(choice.relativeError));
  });
  if (usable.length === 0) usable.push(add('F16'));
  if (rule.kind === 'free') return usable;
  const least = bitsPerElement(rule.type);
  const enough = usable.filter((at) => {
    const choice = choices[at];
    return choice !== undefined && bitsPerElement(choice.stored) >= least;
  });
  return enough.length > 0 ? enough : [add(rule.type)];
}

// Every tensor's choices with their bytes and damage, before any rule: kept while the user sets locks and drags.

import { QuantscopeError } from '../base/errors.ts';
import { matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import type { Damage, SensitivityRow } from '../protocol/objects.ts';
import { type GgufTarget, storedType } from '../quant/ggufTypes.ts';
import { damageWeights } from './damageWeights.ts';
import type { AllocationItem, Choice, SizeModel } from './problem.ts';

export type PlannedTensor = Pick<
  TensorInfo,
  'index' | 'name' | 'role' | 'layer' | 'stack' | 'shape' | 'elements' | 'dtype'
>;

export interface MeasuredItem {
  /** The item as it is without rules. */
  readonly free: AllocationItem;
  readonly elements: number;
  /** Damage per unit of relative error. */
  readonly weight: number;
  /** A choice for a type the request lacks. @throws PLAN_INVALID where its damage was not measured */
  choiceOf(type: GgufTarget): Choice;
}

/** Types that keep whatever a float tensor holds, NaN included. */
const FLOATS: readonly GgufTarget[] = ['F32', 'BF16', 'F16'];

/**
 * @param planned quantizable tensors, in the plan's order
 * @param types   the request's choices, in its order
 * @throws PLAN_INVALID where a needed damage was not measured
 */
export function measureItems(
  planned: readonly PlannedTensor[],
  rows: Iterable<SensitivityRow>,
  size: SizeModel,
  types: readonly GgufTarget[],
): MeasuredItem[] {
  const damages = new Map<number, readonly Damage[]>();
  const measuredWeights = new Map<number, number>();
  for (const row of rows) {
    damages.set(row.tensor, row.damages);
    if (row.weight !== undefined) measuredWeights.set(row.tensor, row.weight);
  }
  const weights = weightsOf(planned, measuredWeights);
  const storedTypes = new Map<number, readonly (readonly [GgufTarget, GgufTarget])[]>();
  return planned.map((tensor, at) => {
    const { rows: rowCount, columns } = matrixShape(tensor);
    const measured = damages.get(tensor.index) ?? [];
    const weight = weights[at] ?? 0;
    const choiceOf = (type: GgufTarget, stored = storedType(type, columns)): Choice => {
      const found = measured.find((damage) => damage.stored === stored);
      if (found === undefined)
        throw new QuantscopeError('PLAN_INVALID', `${tensor.name}: the damage of ${stored} has not been measured`);
      const { relativeError } = found;
      const damage = Number.isFinite(relativeError) ? weight * relativeError : 0;
      const bytes = size.paddedBytes(rowCount, columns, stored);
      return { type, stored, bytes, weighed: size.isWeighed(tensor, stored), relativeError, damage };
    };
    let pairs = storedTypes.get(columns);
    if (pairs === undefined) {
      pairs = distinctStored(types, columns);
      storedTypes.set(columns, pairs);
    }
    const choices = pairs.map(([type, stored]) => choiceOf(type, stored));
    const nonFinite = choices.every(({ relativeError }) => !Number.isFinite(relativeError));
    // A tensor with NaN or infinite weights has no meaningful block scales: only plain floats carry it over.
    const usable = ({ stored, relativeError }: Choice): boolean =>
      nonFinite ? FLOATS.includes(stored) : Number.isFinite(relativeError);
    const allowed = choices.flatMap((choice, index) => (usable(choice) ? [index] : []));
    if (allowed.length === 0) allowed.push(choices.push(choiceOf('F16')) - 1);
    const { name, role } = tensor;
    const free: AllocationItem = { name, role, columns, choices, allowed, rule: { kind: 'free' }, nonFinite };
    return { free, elements: tensor.elements, weight, choiceOf };
  });
}

/**
 * Measured weights where there are any: tensors without one (experts, projections outside the blocks) get the share of
 * their parameters, scaled so that both kinds mean the same on average.
 */
function weightsOf(planned: readonly PlannedTensor[], measured: ReadonlyMap<number, number>): ArrayLike<number> {
  const assumed = damageWeights(planned);
  let [sum, assumedSum] = [0, 0];
  planned.forEach(({ index }, at) => {
    const weight = measured.get(index);
    if (weight === undefined) return;
    sum += weight;
    assumedSum += assumed[at] ?? 0;
  });
  const scale = sum > 0 && assumedSum > 0 ? sum / assumedSum : 1;
  return planned.map(({ index }, at) => measured.get(index) ?? scale * (assumed[at] ?? 0));
}

/** One choice per stored type: the first that comes to it. */
function distinctStored(types: readonly GgufTarget[], columns: number): [GgufTarget, GgufTarget][] {
  const seen = new Set<GgufTarget>();
  return types.flatMap((type): [GgufTarget, GgufTarget][] => {
    const stored = storedType(type, columns);
    if (seen.has(stored)) return [];
    seen.add(stored);
    return [[type, stored]];
  });
}

// The allocation problem: per tensor a list of (type, bytes in the final file, damage), a byte budget, and what is fixed.

import { countParameters, type TensorInfo } from '../checkpoint/checkpoint.ts';
import type { Role } from '../model/places.ts';
import type { SensitivityRow } from '../protocol/objects.ts';
import type { PlanRequest } from '../protocol/plan.ts';
import { type GgufTarget, isQuantizable, storedType } from '../quant/ggufTypes.ts';
import { bitsPerElement } from '../tensor/dtype.ts';
import { agreementGroups } from './agreement.ts';
import { type MeasuredItem, measureItems, type PlannedTensor } from './measuredItems.ts';
import { mergeItems } from './mergedItems.ts';
import { type Rule, resolveRules } from './rules.ts';

/** What the exporter knows about sizes. */
export interface SizeModel extends FileHead {
  paddedBytes(rows: number, columns: number, type: GgufTarget): number;
  /** Whether importance has a say in a tensor that is stored in the type. */
  isWeighed(tensor: Pick<TensorInfo, 'index' | 'dtype'>, stored: GgufTarget): boolean;
}

export interface FileHead {
  /** Everything in the file that no choice changes. */
  readonly fixedBytes: number;
  /** More of it once any tensor is weighed by importance: the matrix is named then. */
  readonly importanceBytes: number;
}

/** The whole file. */
export function fileBytes(
  { fixedBytes, importanceBytes }: FileHead,
  choices: readonly Pick<Choice, 'bytes' | 'weighed'>[],
): number {
  const head = fixedBytes + (choices.some(({ weighed }) => weighed) ? importanceBytes : 0);
  return choices.reduce((sum, { bytes }) => sum + bytes, head);
}

export interface Choice {
  /** What was asked for, and what the file then stores (they differ where rows do not divide into blocks). */
  readonly type: GgufTarget;
  readonly stored: GgufTarget;
  /** In the final file, padding included. */
  readonly bytes: number;
  /** Importance has a say in it. */
  readonly weighed: boolean;
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
  /** Tensors that choose together, the one that gives the item its name first: choice k of each is choice k of the item. */
  readonly members?: readonly AllocationItem[];
}

/** The tensors an item stands for. */
export function membersOf(item: AllocationItem): readonly AllocationItem[] {
  return item.members ?? [item];
}

export interface AllocationProblem extends FileHead {
  readonly items: readonly AllocationItem[];
  readonly targetBytes: number;
  /** Parameters of the whole model, planned or not; the divisor of bits per weight. */
  readonly parameters: number;
}

/**
 * @param tensors  the whole checkpoint; what is not quantizable only counts in `parameters` and `size.fixedBytes`
 * @param rows     sensitivity of every quantizable tensor for every type that may be chosen or fixed
 * @param measured what `measureItems` gave for the same tensors, rows, size and choices, to save doing it again
 * @throws LOCK_MATCHED_NOTHING, PATTERN_INVALID, LOCK_CONFLICT; PLAN_INVALID where a needed damage was not measured
 */
export function buildProblem(
  tensors: readonly PlannedTensor[],
  rows: Iterable<SensitivityRow>,
  size: SizeModel,
  request: PlanRequest,
  measured?: readonly MeasuredItem[],
): AllocationProblem {
  const planned = tensors.filter(isQuantizable);
  const rules = resolveRules(planned, request);
  const all = measured ?? measureItems(planned, rows, size, request.choices);
  const items = all.map((item, at) => ruledItem(item, rules[at] ?? { kind: 'free' }));
  const groups = agreementGroups(planned, request.agree ?? []);
  return {
    items: groups.length === 0 ? items : mergeItems(items, all, groups, request.choices),
    fixedBytes: size.fixedBytes,
    importanceBytes: size.importanceBytes,
    targetBytes: request.targetBytes,
    parameters: countParameters(tensors),
  };
}

/** Largest whole file that does not exceed `bitsPerWeight`. */
export function bytesForBitsPerWeight(bitsPerWeight: number, parameters: number): number {
  return Math.floor((bitsPerWeight * parameters) / 8);
}

function ruledItem({ free, choiceOf }: MeasuredItem, rule: Rule): AllocationItem {
  if (rule.kind === 'free') return free;
  if (rule.kind === 'fixed') return only(free, rule, choiceOf);
  const least = bitsPerElement(rule.type);
  const enough = free.allowed.filter((at) => {
    const choice = free.choices[at];
    return choice !== undefined && bitsPerElement(choice.stored) >= least;
  });
  return enough.length > 0 ? { ...free, rule, allowed: enough } : only(free, rule, choiceOf);
}

/** The rule's own type, whether or not the request lists it. */
function only(
  free: AllocationItem,
  rule: Exclude<Rule, { kind: 'free' }>,
  choiceOf: MeasuredItem['choiceOf'],
): AllocationItem {
  const stored = storedType(rule.type, free.columns);
  const known = free.choices.findIndex((choice) => choice.stored === stored);
  if (known >= 0) return { ...free, rule, allowed: [known] };
  return { ...free, rule, choices: [...free.choices, choiceOf(rule.type)], allowed: [free.choices.length] };
}

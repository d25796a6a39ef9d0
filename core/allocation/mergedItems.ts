// Tensors that must agree become one item of the problem: choice k of the item is choice k of each of them.

import { type GgufTarget, storedType } from '../quant/ggufTypes.ts';
import { agreedTypes } from './agreement.ts';
import type { MeasuredItem } from './measuredItems.ts';
import type { AllocationItem, Choice } from './problem.ts';

/** One tensor as rules left it, and where choices of further types come from. */
interface RuledItem {
  readonly item: AllocationItem;
  readonly measured: MeasuredItem;
}

/**
 * Every group becomes one item in the place of its first tensor; all others stay as they are.
 *
 * @param items    one per tensor, as rules left it
 * @param measured of the same tensors
 * @param groups   positions in `items`, as `agreementGroups` gives them
 * @param types    the request's choices, in its order
 * @throws LOCK_CONFLICT, and PLAN_INVALID where a needed damage was not measured
 */
export function mergeItems(
  items: readonly AllocationItem[],
  measured: readonly MeasuredItem[],
  groups: readonly (readonly number[])[],
  types: readonly GgufTarget[],
): AllocationItem[] {
  const ruledAt = (at: number): RuledItem[] => {
    const [item, source] = [items[at], measured[at]];
    return item === undefined || source === undefined ? [] : [{ item, measured: source }];
  };
  const merged = new Map<number, AllocationItem>();
  const absorbed = new Set<number>();
  for (const group of groups) {
    merged.set(group[0] ?? 0, merge(group.flatMap(ruledAt), types));
    for (const at of group.slice(1)) absorbed.add(at);
  }
  return items.flatMap((item, at) => (absorbed.has(at) ? [] : [merged.get(at) ?? item]));
}

function merge(ruled: readonly RuledItem[], types: readonly GgufTarget[]): AllocationItem {
  const nonFinite = ruled.some(({ item }) => item.nonFinite);
  const allowed = agreedTypes(
    ruled.map(({ item }) => ({ name: item.name, rule: item.rule, types: allowedTypes(item, types) })),
  );
  const candidates = distinct([...types, ...allowed], ruled);
  const members = ruled.map(({ item, measured }): AllocationItem => {
    const choices = candidates.map((type) => measured.choiceOf(type));
    return { ...item, choices, allowed: candidates.map((_, k) => k) };
  });
  const choices = candidates.map((type, k) =>
    together(
      type,
      members.map((member) => member.choices[k]),
    ),
  );
  const stored = new Set(allowed.map((type) => storedKey(type, ruled)));
  const [first] = members;
  const rule = ruled.find(({ item }) => item.rule.kind !== 'free')?.item.rule ?? { kind: 'free' };
  return {
    name: first?.name ?? '',
    role: first?.role ?? 'other',
    columns: first?.columns ?? 0,
    choices,
    allowed: candidates.flatMap((type, k) => (stored.has(storedKey(type, ruled)) ? [k] : [])),
    rule: ruled.find(({ item }) => item.rule.kind === 'fixed')?.item.rule ?? rule,
    nonFinite,
    members,
  };
}

/** Types of the request that come to a stored type the item allows; its own where it allows none of the request's. */
function allowedTypes({ choices, allowed, columns }: AllocationItem, types: readonly GgufTarget[]): GgufTarget[] {
  const left = allowed.flatMap((at) => choices[at] ?? []);
  const named = types.filter((type) => left.some(({ stored }) => stored === storedType(type, columns)));
  return named.length > 0 ? named : left.map(({ type }) => type);
}

/** The first of each set of types that store every tensor of the group alike. */
function distinct(types: readonly GgufTarget[], ruled: readonly RuledItem[]): GgufTarget[] {
  const seen = new Set<string>();
  return types.filter((type) => {
    const key = storedKey(type, ruled);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function storedKey(type: GgufTarget, ruled: readonly RuledItem[]): string {
  return ruled.map(({ item }) => storedType(type, item.columns)).join();
}

function together(type: GgufTarget, parts: readonly (Choice | undefined)[]): Choice {
  const stored = new Set(parts.map((part) => part?.stored));
  const sum = (of: (part: Choice) => number): number =>
    parts.reduce((total, part) => total + (part === undefined ? 0 : of(part)), 0);
  return {
    type,
    stored: stored.size === 1 ? (parts[0]?.stored ?? type) : type,
    bytes: sum(({ bytes }) => bytes),
    weighed: parts.some((part) => part?.weighed === true),
    relativeError: Math.max(...parts.map((part) => part?.relativeError ?? 0)),
    damage: sum(({ damage }) => damage),
  };
}

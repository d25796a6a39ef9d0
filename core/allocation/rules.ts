// What the user fixed: locks (regular expressions), pins (exact names) and role minimums, resolved per tensor.

import { QuantscopeError } from '../base/errors.ts';
import { matchNames } from '../base/matchNames.ts';
import type { Role } from '../model/places.ts';
import type { Minimum, PlanRequest } from '../protocol/plan.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';

/** Why a tensor's choices are narrower than the request's. */
export type Rule =
  | { readonly kind: 'free' }
  | { readonly kind: 'minimum'; readonly type: GgufTarget }
  | {
      readonly kind: 'fixed';
      readonly type: GgufTarget;
      /** The rule that won, as the user wrote it: `lock ffn_down=Q6_K` or `pin NAME=Q6_K`. */
      readonly by: string;
      /** The last rule it overrode, if any. */
      readonly over: string | null;
      /** A minimum for the role, which yields to the lock. */
      readonly minimum: GgufTarget | null;
    };

/** The part of a request that fixes tensors. */
export type RuleRequest = Pick<PlanRequest, 'locks' | 'pins' | 'minimums'>;

/**
 * One rule per tensor, in the tensors' order. Later locks win over earlier ones, pins over locks, both over minimums;
 * the later minimum of a role wins.
 *
 * @throws PATTERN_INVALID for a broken expression; LOCK_MATCHED_NOTHING for a lock, pin or minimum without a tensor
 */
export function resolveRules(
  tensors: readonly { readonly name: string; readonly role: Role }[],
  request: RuleRequest,
): Rule[] {
  const minimums = resolveMinimums(tensors, request.minimums);
  const fixed = new Map<string, { type: GgufTarget; by: string; over: string | null }>();
  const fix = (name: string, type: GgufTarget, by: string): void => {
    fixed.set(name, { type, by, over: fixed.get(name)?.by ?? null });
  };
  const names = tensors.map(({ name }) => name);
  for (const lock of request.locks) {
    const by = `lock ${lock.pattern}=${lock.type}`;
    const matches = matchNames(lock.pattern, names, by);
    let matched = 0;
    for (const [at, name] of names.entries()) {
      if (matches[at] !== true) continue;
      matched++;
      fix(name, lock.type, by);
    }
    if (matched === 0) throw matchedNothing(by, tensors.length);
  }
  if (request.pins.length > 0) {
    const known = new Set(names);
    for (const pin of request.pins) {
      const by = `pin ${pin.name}=${pin.type}`;
      if (!known.has(pin.name)) throw matchedNothing(by, tensors.length);
      fix(pin.name, pin.type, by);
    }
  }
  return tensors.map(({ name, role }): Rule => {
    const minimum = minimums.get(role) ?? null;
    const lock = fixed.get(name);
    if (lock !== undefined) return { kind: 'fixed', ...lock, minimum };
    return minimum === null ? { kind: 'free' } : { kind: 'minimum', type: minimum };
  });
}

function resolveMinimums(
  tensors: readonly { readonly role: Role }[],
  minimums: readonly Minimum[],
): Map<Role, GgufTarget> {
  const present = new Set(tensors.map(({ role }) => role));
  const byRole = new Map<Role, GgufTarget>();
  for (const { role, type } of minimums) {
    if (!present.has(role)) throw matchedNothing(`minimum ${role}=${type}`, tensors.length);
    byRole.set(role, type);
  }
  return byRole;
}

function matchedNothing(rule: string, tensors: number): QuantscopeError {
  return new QuantscopeError('LOCK_MATCHED_NOTHING', `${rule}: matches none of the ${tensors} quantizable tensors`);
}

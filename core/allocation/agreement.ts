// Tensors that must be stored alike, and the types that all of them allow.

import { QuantscopeError } from '../base/errors.ts';
import type { Role, TensorPlace } from '../model/places.ts';
import type { AgreementKind } from '../protocol/plan.ts';
import type { GgufTarget } from '../quant/ggufTypes.ts';
import { bitsPerElement } from '../tensor/dtype.ts';
import type { Rule } from './rules.ts';

export type AgreeingTensor = Pick<TensorPlace, 'role' | 'layer' | 'stack'> & {
  readonly name: string;
  readonly shape: readonly number[];
};

/**
 * Sets of two and more tensors, as positions in `tensors`, each ascending, in the order of their first ones.
 *
 *   qkv      query, key and value projections of one attention, which runtimes fuse into one product
 *   gateUp   gate and up projections of one feed-forward, or of one expert
 *   experts  all matrices of all experts of a layer
 *   tied     embedding and output matrix of one shape, stored twice
 */
export function agreementGroups(tensors: readonly AgreeingTensor[], kinds: readonly AgreementKind[]): number[][] {
  const groupOf = tensors.map((_, at) => at);
  const find = (at: number): number => {
    let root = at;
    while (groupOf[root] !== root) root = groupOf[root] ?? root;
    groupOf[at] = root;
    return root;
  };
  for (const kind of kinds) {
    const firsts = new Map<string, number>();
    for (const [at, tensor] of tensors.entries()) {
      const key = KEYS[kind](tensor);
      if (key === null) continue;
      const first = firsts.get(key);
      if (first === undefined) firsts.set(key, at);
      else {
        const [a, b] = [find(first), find(at)];
        groupOf[Math.max(a, b)] = Math.min(a, b);
      }
    }
  }
  const groups = new Map<number, number[]>();
  for (const at of tensors.keys()) {
    const root = find(at);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [at]);
    else group.push(at);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}

const QKV: readonly Role[] = ['attention.q', 'attention.k', 'attention.v'];
const GATE_UP: readonly Role[] = ['mlp.gate', 'mlp.up', 'expert.gate', 'expert.up'];
const EXPERTS: readonly Role[] = ['expert.gate', 'expert.up', 'expert.down'];
const TIED: readonly Role[] = ['embedding', 'output'];

/** Tensors of equal keys agree; null for those the kind does not speak of. */
const KEYS: Readonly<Record<AgreementKind, (tensor: AgreeingTensor) => string | null>> = {
  qkv: (tensor) => (QKV.includes(tensor.role) ? siblings(tensor) : null),
  gateUp: (tensor) =>
    GATE_UP.includes(tensor.role) ? `${tensor.role.startsWith('expert.')} ${siblings(tensor)}` : null,
  experts: ({ role, layer, stack }) => (EXPERTS.includes(role) ? `${stack} ${layer}` : null),
  tied: ({ role, shape }) => (TIED.includes(role) ? shape.join() : null),
};

/** Two attentions of a layer are told apart by what stands before the projection: "…self_attn", "blk.3". */
function siblings({ name, stack, layer }: AgreeingTensor): string {
  const stem = name.endsWith('.weight') ? name.slice(0, -'.weight'.length) : name;
  const numberAt = /^(.*)\.(\d+)$/.exec(stem); // GGUF of old: blk.3.ffn_gate.5.weight is expert 5's
  const [owner, expert] = numberAt === null ? [stem, ''] : [numberAt[1] ?? stem, numberAt[2] ?? ''];
  return `${stack} ${layer} ${owner.slice(0, Math.max(0, owner.lastIndexOf('.')))} ${expert}`;
}

/** What a rule leaves one tensor, before it has to agree with others. */
export interface Demand {
  readonly name: string;
  readonly rule: Rule;
  /** What the rule allows, by the names of the request; never empty. */
  readonly types: readonly GgufTarget[];
}

/**
 * The types all of them allow. A type fixed for one is everyone's; where nothing is left, the most that one of them needs.
 * @throws LOCK_CONFLICT where two are fixed at different types
 */
export function agreedTypes(demands: readonly Demand[]): readonly GgufTarget[] {
  const fixed = demands.filter(({ rule }) => rule.kind === 'fixed');
  for (const { name, rule } of fixed) {
    const first = fixed[0];
    if (first === undefined || first.rule.kind !== 'fixed' || rule.kind !== 'fixed') continue;
    if (rule.type !== first.rule.type)
      throw new QuantscopeError(
        'LOCK_CONFLICT',
        `${first.name} (${first.rule.by}) and ${name} (${rule.by}) are to agree on one type`,
      );
  }
  const [lock] = fixed;
  if (lock?.rule.kind === 'fixed') return [lock.rule.type];
  const [first, ...others] = demands;
  const common = first?.types.filter((type) => others.every(({ types }) => types.includes(type))) ?? [];
  if (common.length > 0) return common;
  const least = demands.map(({ types }) => types.toSorted((a, b) => bitsPerElement(a) - bitsPerElement(b))[0]);
  const strictest = least
    .filter((type) => type !== undefined)
    .toSorted((a, b) => bitsPerElement(b) - bitsPerElement(a));
  return strictest.slice(0, 1);
}

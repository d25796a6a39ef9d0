// One sentence per tensor: which rule fixed its type, or what the neighbouring types would cost and why not them.

import { bitsPerElement, dtypeInfo } from '../tensor/dtype.ts';
import { type AllocationItem, type AllocationProblem, type Choice, membersOf } from './problem.ts';
import type { Allocation } from './solve.ts';

/** A change of one tensor's type, to more bytes (`up`) or fewer (`down`), at its best damage per byte. */
interface Step {
  readonly choice: Choice;
  readonly bytes: number;
  readonly damage: number;
  readonly perByte: number;
}

interface Purchase {
  readonly item: number;
  readonly perByte: number;
}

/**
 * Reasons for a solved plan, on demand.
 * @returns the sentence of member m of item i; O(choices) each after one pass over the items
 */
export function explain(problem: AllocationProblem, allocation: Allocation): (item: number, member?: number) => string {
  const { items } = problem;
  const left = problem.targetBytes - allocation.bytes;
  const isNamed = items.some(({ choices }, i) => choices[allocation.chosen[i] ?? 0]?.weighed === true);
  // The first tensor that importance weighs brings the matrix's name into the file.
  const leftFor = ({ weighed }: Choice): number => (weighed && !isNamed ? left - problem.importanceBytes : left);
  const weakest = weakestPurchases(problem, allocation);
  return (i, m = 0) => {
    const item = items[i];
    const at = allocation.chosen[i] ?? 0;
    const chosen = item?.choices[at];
    const member = item === undefined ? undefined : membersOf(item)[m];
    const own = member?.choices[at];
    if (item === undefined || chosen === undefined || member === undefined || own === undefined) return '';
    const company = inCompanyOf(item, member);
    const { rule } = item;
    if (rule.kind === 'fixed') return `${company}${fixedBy(rule)}${standIn(rule.type, member, own)}.`;
    if (member.nonFinite)
      return `${company}Kept as ${own.stored}: it holds NaN or infinite weights, which no quantized type can.`;
    const purchase = weakest.find((bought) => bought.item !== i);
    const parts = [heldUp(item, chosen), standIn(own.type, member, own)].filter((part) => part !== '');
    const opening = parts.length === 0 ? '' : `${capital(parts.join('').replace(/^; /, ''))}. `;
    return `${company}${opening}${upward(item, chosen, leftFor, purchase, items)}${downward(item, chosen)}`;
  };
}

/** Costs in the sentence are those of all together. */
function inCompanyOf({ members = [] }: AllocationItem, member: AllocationItem): string {
  const [first, ...others] = members.filter((candidate) => candidate !== member);
  if (first === undefined) return '';
  const further = others.length === 0 ? '' : ` and ${others.length} more`;
  return `One type together with ${first.name}${further}. `;
}

function fixedBy(rule: Extract<AllocationItem['rule'], { kind: 'fixed' }>): string {
  const over = rule.over === null ? '' : `, over the earlier ${rule.over}`;
  const minimum = rule.minimum === null ? '' : `, which wins over the minimum ${rule.minimum} of its role`;
  return `Fixed by ${rule.by}${over}${minimum}`;
}

function heldUp(item: AllocationItem, chosen: Choice): string {
  const { choices, allowed } = item;
  // Of tensors that agree, the strictest minimum holds, whichever member's role has it.
  const [strictest] = membersOf(item)
    .flatMap(({ role, rule }) => (rule.kind === 'minimum' ? [{ role, type: rule.type }] : []))
    .sort((a, b) => bitsPerElement(b.type) - bitsPerElement(a.type));
  if (strictest === undefined) return '';
  const isLeast = allowed.every((at) => (choices[at]?.bytes ?? 0) >= chosen.bytes);
  const cutOff = choices.some(({ bytes }) => bytes < chosen.bytes);
  return isLeast && cutOff ? `; held up by the minimum ${strictest.type} of ${strictest.role}` : '';
}

function standIn(asked: Choice['type'], { columns }: AllocationItem, { stored }: Choice): string {
  if (asked === stored) return '';
  const { blockElements } = dtypeInfo(asked);
  return `; ${stored} stands in for ${asked}, since rows of ${columns} do not divide into blocks of ${blockElements}`;
}

function upward(
  item: AllocationItem,
  chosen: Choice,
  leftFor: (choice: Choice) => number,
  purchase: Purchase | undefined,
  items: AllocationProblem['items'],
): string {
  const up = bestStep(item, chosen, 'up');
  if (up === null) return `${chosen.stored}: no larger type damages it less.`;
  const cost =
    `${chosen.stored}: stepping up to ${up.choice.stored} costs ${formatBytes(up.bytes)} ` +
    `for ${formatDamage(up.damage)} less damage`;
  if (purchase !== undefined && purchase.perByte > up.perByte)
    return `${cost}, and each byte spent elsewhere saves more (least on ${items[purchase.item]?.name ?? ''}).`;
  if (purchase !== undefined && purchase.perByte === up.perByte)
    return `${cost}, as much per byte as the budget saves on ${items[purchase.item]?.name ?? ''}.`;
  const left = Math.max(0, leftFor(up.choice));
  if (up.bytes > left) return `${cost}; only ${formatBytes(left)} of the budget are left.`;
  return `${cost}; the search ended within its gap before taking it.`;
}

function downward(item: AllocationItem, chosen: Choice): string {
  const down = bestStep(item, chosen, 'down');
  if (down === null) return '';
  return ` Stepping down to ${down.choice.stored} frees ${formatBytes(down.bytes)} for ${formatDamage(down.damage)} more.`;
}

/** Up: the step that saves most damage per byte. Down: the one that costs least. Steps that gain nothing do not count. */
function bestStep({ choices, allowed }: AllocationItem, chosen: Choice, direction: 'up' | 'down'): Step | null {
  const sign = direction === 'up' ? 1 : -1;
  let best: Step | null = null;
  for (const at of allowed) {
    const choice = choices[at];
    if (choice === undefined) continue;
    const bytes = sign * (choice.bytes - chosen.bytes);
    const damage = sign * (chosen.damage - choice.damage);
    if (bytes <= 0 || damage <= 0) continue;
    const perByte = damage / bytes;
    if (best === null || (direction === 'up' ? perByte > best.perByte : perByte < best.perByte))
      best = { choice, bytes, damage, perByte };
  }
  return best;
}

/** The two free tensors whose last step up saved least damage per byte: what the budget could take back most cheaply. */
function weakestPurchases({ items }: AllocationProblem, { chosen }: Allocation): Purchase[] {
  let first: Purchase | undefined;
  let second: Purchase | undefined;
  for (const [i, item] of items.entries()) {
    const choice = item.choices[chosen[i] ?? 0];
    if (item.rule.kind === 'fixed' || choice === undefined) continue;
    const step = bestStep(item, choice, 'down');
    if (step === null) continue;
    const purchase = { item: i, perByte: step.perByte };
    if (first === undefined || purchase.perByte < first.perByte) [first, second] = [purchase, first];
    else if (second === undefined || purchase.perByte < second.perByte) second = purchase;
  }
  return [first, second].filter((purchase) => purchase !== undefined);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function formatBytes(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

function formatDamage(damage: number): string {
  return String(Number(damage.toPrecision(2)));
}

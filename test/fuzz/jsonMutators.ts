// Mutations of JSON texts, alone or as a safetensors header: members replaced, renamed, doubled, dropped and moved.

import fc from 'fast-check';
import { MAX_SAFETENSORS_HEADER_BYTES } from '../../core/base/limits.ts';
import type { Dice } from './dice.ts';
import type { Mutator } from './mutation.ts';

const NAMES = ['__proto__', 'constructor', '__metadata__', '', 'a\u0000b', '\u202e', 'x'.repeat(2000), '../w', 'dtype'];
const NUMBERS = ['-1', '-0', '0', '1e3', '1e400', '0.5', '9007199254740993', '18446744073709551615', '1'.repeat(400)];
const DTYPES = ['"F32"', '"F16"', '"BF16"', '"F8_E4M3"', '"F8_E8M0"', '"F4"', '"F6_E2M3"', '"I64"', '"BOOL"', '"C64"'];
const OTHERS = ['null', 'true', '{}', '[]', '""', '[[[[]]]]', `${'['.repeat(500)}${']'.repeat(500)}`, '"\\ud800"'];

/** Arbitrary JSON, as texts: the same for the same seed. */
export function jsonTexts(seed: number, count: number): string[] {
  const values = fc.sample(fc.jsonValue({ maxDepth: 4, noUnicodeString: false }), { seed, numRuns: count });
  return values.map((value) => JSON.stringify(value));
}

/** A whole text. */
export const mutateJson: Mutator = (bytes, dice, context) => {
  const tree = parsed(new TextDecoder().decode(bytes));
  if (tree === undefined) return null;
  return new TextEncoder().encode(edited(tree, dice, context.jsonTexts));
};

/** A safetensors file: length, JSON, data. The length follows the text, unless the dice say otherwise. */
export const mutateSafetensors: Mutator = (bytes, dice, context) => {
  if (bytes.length < 8) return null;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > bytes.length - 8 || length > MAX_SAFETENSORS_HEADER_BYTES) return null;
  const tree = parsed(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  if (tree === undefined) return null;
  const header = new TextEncoder().encode(edited(tree, dice, context.jsonTexts));
  const result = new Uint8Array(8 + header.length + bytes.length - 8 - length);
  const claimed = dice.oneIn(16) ? header.length + dice.below(17) - 8 : header.length;
  new DataView(result.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(claimed)), true);
  result.set(header, 8);
  result.set(bytes.subarray(8 + length), 8 + header.length);
  return result;
};

/** JSON with its members in a list, so that names can double; leaves keep their text. */
type Tree = { kind: 'leaf'; text: string } | { kind: 'list' | 'object'; members: Member[] };
interface Member {
  name: string;
  value: Tree;
}

function parsed(text: string): Tree | undefined {
  try {
    return treeOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: 'list', members: value.map((item) => ({ name: '', value: treeOf(item) })) };
  if (typeof value !== 'object' || value === null) return { kind: 'leaf', text: JSON.stringify(value) };
  const members = Object.entries(value).map(([name, item]) => ({ name, value: treeOf(item) }));
  return { kind: 'object', members };
}

function textOf(tree: Tree): string {
  if (tree.kind === 'leaf') return tree.text;
  if (tree.kind === 'list') return `[${tree.members.map(({ value }) => textOf(value)).join(',')}]`;
  return `{${tree.members.map(({ name, value }) => `${JSON.stringify(name)}:${textOf(value)}`).join(',')}}`;
}

/** Makes one to three edits in place. */
function edited(tree: Tree, dice: Dice, texts: readonly string[]): string {
  for (let edits = 1 + dice.below(3); edits > 0; edits--) edit(tree, dice, texts);
  return textOf(tree);
}

function edit(tree: Tree, dice: Dice, texts: readonly string[]): void {
  let parent = tree;
  for (;;) {
    if (parent.kind === 'leaf' || parent.members.length === 0) return;
    const at = dice.below(parent.members.length);
    const member = parent.members[at];
    if (member === undefined) return;
    if (member.value.kind !== 'leaf' && !dice.oneIn(3)) {
      parent = member.value;
      continue;
    }
    change(parent.members, member, at, dice, texts);
    return;
  }
}

function change(members: Member[], member: Member, at: number, dice: Dice, texts: readonly string[]): void {
  const other = dice.pick(members);
  switch (dice.below(8)) {
    case 0:
      members.splice(at, 1);
      return;
    case 1:
      members.push({ ...member });
      return;
    case 2:
      member.name = dice.oneIn(2) ? dice.pick(NAMES) : other.name;
      return;
    case 3:
      [member.value, other.value] = [other.value, member.value];
      return;
    case 4:
      member.value = { kind: 'leaf', text: dice.pick(NUMBERS) };
      return;
    case 5:
      member.value = { kind: 'leaf', text: dice.pick(DTYPES) };
      return;
    case 6:
      member.value = { kind: 'leaf', text: dice.oneIn(2) ? dice.pick(OTHERS) : dice.pick(texts) };
      return;
    default:
      member.value = { kind: 'leaf', text: number(member.value, dice) };
  }
}

/** A number near the one that was there. */
function number(value: Tree, dice: Dice): string {
  const before = value.kind === 'leaf' ? Number(value.text) : Number.NaN;
  if (!Number.isSafeInteger(before)) return dice.pick(NUMBERS);
  return String(dice.oneIn(2) ? before + dice.below(9) - 4 : before * dice.pick([0, 2, 3, 8, 65_536]));
}

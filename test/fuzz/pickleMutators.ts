// Mutations of pickles by opcodes: dropped, doubled, moved, replaced, with arguments spoiled; frames are left out.

import type { Dice } from './dice.ts';
import type { Bytes, Mutator } from './mutation.ts';

/** Bytes of arguments by opcode (pickletools.py); negative: bytes of a length in front of that many more bytes. */
const FIXED = new Map(
  Object.entries({ K: 1, M: 2, J: 4, G: 8, h: 1, q: 1, j: 4, r: 4, '\x80': 1, '\x82': 1, '\x83': 2, '\x84': 4 }),
);
const COUNTED = new Map(
  Object.entries({ U: 1, T: 4, X: 4, '\x8c': 1, '\x8d': 8, C: 1, B: 4, '\x8e': 8, '\x8a': 1, '\x8b': 4, '\x96': 8 }),
);
const LINES = new Map(Object.entries({ I: 1, L: 1, F: 1, S: 1, V: 1, P: 1, g: 1, p: 1, c: 2, i: 2 }));
const FRAME = 0x95;
const INSERTIONS = [
  ...[...'()]}.0120NR Qabdelostu'].filter((letter) => letter !== ' '),
  ...['\x81', '\x85', '\x86', '\x87', '\x88', '\x89', '\x8f', '\x90', '\x91', '\x92', '\x93', '\x94', '\x97', '\x98'],
  ...['h\0', 'q\0', 'K\xff', 'J\xff\xff\xff\xff', 'r\xff\xff\xff\x7f', 'cos\nsystem\n', 'cbuiltins\neval\n'],
  ...['\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x7f', 'ccollections\nOrderedDict\n', 'ctorch\nFloatStorage\n'],
  ...['ctorch._utils\n_rebuild_tensor_v2\n', 'ctorch\nSize\n', 'cbuiltins\nset\n', 'X\x09\0\0\0__proto__'],
].map((text) => new Uint8Array(Buffer.from(text, 'latin1')));

export const mutatePickle: Mutator = (bytes, dice, { other }) => {
  const codes = opcodesOf(bytes);
  if (codes.length < 2) return null;
  const foreign = dice.oneIn(8) ? opcodesOf(other) : codes;
  for (let edits = 1 + dice.below(3); edits > 0; edits--) change(codes, foreign, dice);
  return new Uint8Array(Buffer.concat(codes));
};

function change(codes: Bytes[], foreign: readonly Bytes[], dice: Dice): void {
  const at = dice.below(codes.length);
  const code = codes[at];
  if (code === undefined) return;
  switch (dice.below(6)) {
    case 0:
      codes.splice(at, 1);
      return;
    case 1:
      codes.splice(dice.below(codes.length), 0, code);
      return;
    case 2:
      codes.splice(at, 0, dice.pick(INSERTIONS));
      return;
    case 3:
      codes[at] = foreign.length === 0 ? code : dice.pick(foreign);
      return;
    case 4: {
      const times = dice.pick([2, 30, 2000]);
      codes.splice(at, 0, ...Array.from({ length: times }, () => code));
      return;
    }
    default: {
      const spoiled = code.slice();
      spoiled[dice.below(spoiled.length)] = dice.below(256);
      codes[at] = spoiled;
    }
  }
}

/** Whole opcodes up to STOP or to where the bytes make no sense; the rest is one last piece. */
function opcodesOf(bytes: Bytes): Bytes[] {
  const codes: Bytes[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + lengthOf(bytes, at);
    if (!(end <= bytes.length)) break;
    if (bytes[at] !== FRAME) codes.push(bytes.slice(at, end));
    at = end;
  }
  if (at < bytes.length) codes.push(bytes.slice(at));
  return codes;
}

function lengthOf(bytes: Bytes, at: number): number {
  const letter = String.fromCharCode(bytes[at] ?? 0);
  if (bytes[at] === FRAME) return 9;
  const width = COUNTED.get(letter);
  if (width !== undefined) {
    if (at + 1 + width > bytes.length) return Number.NaN;
    let count = 0;
    for (let i = width; i >= 1; i--) count = count * 256 + (bytes[at + i] ?? 0);
    return 1 + width + count;
  }
  const lines = LINES.get(letter);
  if (lines === undefined) return 1 + (FIXED.get(letter) ?? 0);
  let end = at;
  for (let line = 0; line < lines; line++) {
    end = bytes.indexOf(0x0a, end + 1);
    if (end < 0) return Number.NaN;
  }
  return end + 1 - at;
}

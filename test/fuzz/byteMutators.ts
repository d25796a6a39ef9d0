// Mutations that know no format: bits, interesting numbers, lengths, ranges copied, moved, cut and repeated.

import type { Dice } from './dice.ts';
import { type Bytes, MAX_INPUT_BYTES, type Mutator, spliced } from './mutation.ts';

const BYTES = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, 0x0a, 0x22, 0x2e, 0x2f, 0x5b, 0x7b, 0x7d] as const;
const NUMBERS: readonly bigint[] = [
  ...[0, 1, 2, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 1023, 4096, 65535, 65536, 1 << 20].map(BigInt),
  ...[31n, 32n, 40n, 53n, 62n, 63n, 64n].flatMap((power) => [(1n << power) - 1n, 1n << power, (1n << power) + 1n]),
];
const LARGEST_RUN = 64;

export const BYTE_MUTATORS: readonly Mutator[] = [
  flipBit,
  setByte,
  setByte,
  setNumber,
  setNumber,
  addToNumber,
  setLength,
  setLength,
  truncate,
  grow,
  cutRange,
  repeatRange,
  copyRange,
  swapRanges,
  spliceWithOther,
  putWord,
  repeatManyTimes,
];

/** Structure is at either end of a file more often than in between. */
function place(bytes: Bytes, dice: Dice): number {
  const { length } = bytes;
  const near = Math.min(length, dice.pick([16, 64, 512]));
  const where = dice.below(4);
  if (where === 0) return length - 1 - dice.below(near);
  return dice.below(where === 1 ? length : near);
}

function flipBit(bytes: Bytes, dice: Dice): Bytes | null {
  if (bytes.length === 0) return null;
  const result = bytes.slice();
  const at = place(bytes, dice);
  result[at] = (result[at] ?? 0) ^ (1 << dice.below(8));
  return result;
}

function setByte(bytes: Bytes, dice: Dice): Bytes | null {
  if (bytes.length === 0) return null;
  const result = bytes.slice();
  result[place(bytes, dice)] = dice.oneIn(2) ? dice.pick(BYTES) : dice.below(256);
  return result;
}

function setNumber(bytes: Bytes, dice: Dice): Bytes | null {
  const near = BigInt(bytes.length) + BigInt(dice.below(17) - 8);
  return writeNumber(bytes, place(bytes, dice), dice.oneIn(4) ? near : dice.pick(NUMBERS), dice);
}

function addToNumber(bytes: Bytes, dice: Dice): Bytes | null {
  const at = place(bytes, dice);
  if (at + 4 > bytes.length) return null;
  const value = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
  return writeNumber(bytes, at, BigInt(value) + BigInt(dice.below(33) - 16), dice, 4);
}

/** A 64-bit or 32-bit number that could be a count, a length or an offset, told by its zero upper bytes. */
function setLength(bytes: Bytes, dice: Dice): Bytes | null {
  const width = dice.pick([4, 8]);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const first = dice.below(Math.max(1, bytes.length - width));
  for (let at = first; at + width <= bytes.length && at < first + 256; at++) {
    const value = width === 8 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
    if (value === 0n || value > BigInt(bytes.length)) continue;
    const other = dice.oneIn(2) ? value + BigInt(dice.below(5) - 2) : dice.pick(NUMBERS);
    return writeNumber(bytes, at, other, dice, width);
  }
  return null;
}

function writeNumber(bytes: Bytes, at: number, value: bigint, dice: Dice, width = dice.pick([2, 4, 8])): Bytes | null {
  if (at + width > bytes.length) return null;
  const result = bytes.slice();
  const view = new DataView(result.buffer);
  const little = !dice.oneIn(4);
  if (width === 8) view.setBigUint64(at, BigInt.asUintN(64, value), little);
  else if (width === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), little);
  else view.setUint16(at, Number(BigInt.asUintN(16, value)), little);
  return result;
}

function truncate(bytes: Bytes, dice: Dice): Bytes {
  return bytes.slice(0, dice.oneIn(2) ? dice.below(bytes.length + 1) : Math.max(0, bytes.length - dice.below(64)));
}

function grow(bytes: Bytes, dice: Dice): Bytes {
  return spliced(bytes, bytes.length, 0, new Uint8Array(1 + dice.below(512)).fill(dice.pick(BYTES)));
}

function cutRange(bytes: Bytes, dice: Dice): Bytes | null {
  if (bytes.length === 0) return null;
  const at = place(bytes, dice);
  return spliced(bytes, at, Math.min(bytes.length - at, 1 + dice.below(LARGEST_RUN)), new Uint8Array(0));
}

function repeatRange(bytes: Bytes, dice: Dice): Bytes | null {
  if (bytes.length === 0) return null;
  const at = place(bytes, dice);
  return spliced(bytes, at, 0, bytes.subarray(at, at + 1 + dice.below(LARGEST_RUN)));
}

function copyRange(bytes: Bytes, dice: Dice): Bytes | null {
  if (bytes.length === 0) return null;
  const from = place(bytes, dice);
  const run = bytes.subarray(from, from + 1 + dice.below(LARGEST_RUN));
  const to = place(bytes, dice);
  return spliced(bytes, to, Math.min(run.length, bytes.length - to), run);
}

function swapRanges(bytes: Bytes, dice: Dice): Bytes | null {
  const count = dice.pick([1, 4, 8, 16, 32]);
  if (bytes.length < 2 * count) return null;
  const [one, two] = [dice.below(bytes.length - count), dice.below(bytes.length - count)];
  const result = bytes.slice();
  result.set(bytes.subarray(one, one + count), two);
  result.set(bytes.subarray(two, two + count), one);
  return result;
}

function spliceWithOther(bytes: Bytes, dice: Dice, { other }: { other: Bytes }): Bytes | null {
  if (bytes.length === 0 || other.length === 0) return null;
  const at = place(bytes, dice);
  return spliced(bytes, at, bytes.length - at, other.subarray(dice.oneIn(2) ? at : dice.below(other.length)));
}

function putWord(bytes: Bytes, dice: Dice, { words }: { words: readonly Bytes[] }): Bytes | null {
  if (words.length === 0 || bytes.length === 0) return null;
  const word = dice.pick(words);
  const at = place(bytes, dice);
  return spliced(bytes, at, dice.oneIn(2) ? 0 : Math.min(word.length, bytes.length - at), word);
}

/** What makes deep nesting and quadratic loops show. */
function repeatManyTimes(bytes: Bytes, dice: Dice): Bytes | null {
  if (bytes.length === 0 || !dice.oneIn(4)) return null;
  const at = place(bytes, dice);
  const run = bytes.subarray(at, at + 1 + dice.below(8));
  const times = Math.min(dice.pick([64, 1024, 16_384]), Math.floor((MAX_INPUT_BYTES - bytes.length) / run.length));
  if (times < 1) return null;
  const many = new Uint8Array(run.length * times);
  for (let i = 0; i < times; i++) many.set(run, i * run.length);
  return spliced(bytes, at, 0, many);
}

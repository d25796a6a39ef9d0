// Codes of 1 to 8 bits out of their words, one byte each: every packing, order and direction of streams.

import { QuantscopeError } from '../base/errors.ts';
import type { CodeMatrix } from '../tensor/storage.ts';
import type { FilePaths } from './extent.ts';
import { type Items, readItems } from './items.ts';
import type { Rect } from './rect.ts';

type Words = Uint8Array | Uint32Array;

/** Codes of a row unpacked before the next row's: where words lie a stored row apart, each is in a page of its own. */
const BLOCK_CODES = 256;

/** Where code p of a stream lies, for p = first, first + 1, …. */
interface Places {
  /** First code. */
  readonly p0: number;
  /** Word, counted from `words.from`. */
  readonly word: Int32Array;
  /** Least significant bit in that word. */
  readonly shift: Uint8Array;
  readonly from: number;
  readonly to: number;
  /** Some code continues in the next word. */
  readonly straddles: boolean;
}

/**
 * @returns the window's codes, row-major
 * @throws PACKING_INVALID when the window leaves the matrix or a code its extent, and what reading throws
 */
export function unpackCodes(files: FilePaths, codes: CodeMatrix, rect: Rect): Uint8Array {
  checkCodes(codes, rect);
  const byRows = codes.streams === 'rows';
  const [s0, s1] = byRows ? [rect.row0, rect.row1] : [rect.column0, rect.column1];
  const [p0, p1] = byRows ? [rect.column0, rect.column1] : [rect.row0, rect.row1];
  const places = placesOf(codes, p0, p1);
  const items = readItems(files, codes.extent, codes.wordBytes, 0, [
    { size: byRows ? codes.rows : codes.columns, stride: codes.streamStride, from: s0, to: s1 },
    { size: wordsOf(codes), stride: codes.wordStride, from: places.from, to: places.to },
  ]);
  const out = new Uint8Array((rect.row1 - rect.row0) * (rect.column1 - rect.column0));
  if (byRows) unpackRows(codes, items, places, s0, s1, out);
  else unpackColumns(codes, items, places, s0, s1, out);
  return out;
}

/** Words of one stream. */
function wordsOf(codes: CodeMatrix): number {
  const wordBits = codes.wordBytes * 8;
  if (codes.packing === 'spread') return codes.words ?? 0;
  const stream = codes.streams === 'rows' ? codes.columns : codes.rows;
  if (codes.packing === 'slots') return Math.ceil(stream / Math.floor(wordBits / codes.bits));
  return Math.ceil((stream * codes.bits) / wordBits);
}

/** The places asked for last: the next window is mostly the next rows of the same columns. */
const known = new WeakMap<CodeMatrix, Places>();

function placesOf(codes: CodeMatrix, p0: number, p1: number): Places {
  const last = known.get(codes);
  if (last !== undefined && last.p0 === p0 && last.word.length === p1 - p0) return last;
  const places = computePlaces(codes, p0, p1);
  known.set(codes, places);
  return places;
}

function computePlaces(codes: CodeMatrix, p0: number, p1: number): Places {
  const { bits, packing, order } = codes;
  const wordBits = codes.wordBytes * 8;
  const slots = Math.floor(wordBits / bits);
  const words = wordsOf(codes);
  const absolute = new Float64Array(p1 - p0);
  const shift = new Uint8Array(p1 - p0);
  let [from, to, straddles] = [Infinity, 0, false];
  for (let p = p0; p < p1; p++) {
    let word: number;
    let bit: number;
    if (packing === 'dense') {
      word = Math.floor((p * bits) / wordBits);
      bit = p * bits - word * wordBits;
    } else {
      word = packing === 'slots' ? Math.floor(p / slots) : p % words;
      const slot = packing === 'slots' ? p - word * slots : Math.floor(p / words);
      bit = (order?.[slot] ?? slot) * bits;
    }
    const over = bit + bits > wordBits;
    straddles ||= over;
    absolute[p - p0] = word;
    shift[p - p0] = bit;
    from = Math.min(from, word);
    to = Math.max(to, over ? word + 2 : word + 1);
  }
  const word = new Int32Array(absolute.length);
  for (let i = 0; i < word.length; i++) word[i] = (absolute[i] as number) - from;
  return { p0, word, shift, from, to, straddles };
}

/** Every row is a stream. */
function unpackRows(codes: CodeMatrix, items: Items, places: Places, s0: number, s1: number, out: Uint8Array): void {
  const words = wordView(items, codes.wordBytes);
  const { word, shift, straddles } = places;
  const width = word.length;
  const mask = (1 << codes.bits) - 1;
  const [streamStep, wordStep] = stepsOf(items);
  if (codes.bits === 8 && codes.packing === 'dense' && wordStep === 1) {
    // Whole bytes in their order.
    const bytes = items.bytes;
    const first = (items.origin + s0 * streamStep) * codes.wordBytes + places.p0;
    for (let s = s0, at = 0, from = first; s < s1; s++, at += width, from += streamStep * codes.wordBytes)
      out.set(bytes.subarray(from, from + width), at);
    return;
  }
  const offset = new Int32Array(width);
  for (let i = 0; i < width; i++) offset[i] = (word[i] as number) * wordStep;
  const base = items.origin + s0 * streamStep + places.from * wordStep;
  for (let begin = 0; begin < width; begin += BLOCK_CODES) {
    const end = Math.min(width, begin + BLOCK_CODES);
    for (let s = 0; s < s1 - s0; s++) {
      const from = base + s * streamStep;
      const at = s * width;
      for (let i = begin; i < end; i++)
        out[at + i] = ((words[from + (offset[i] as number)] as number) >>> (shift[i] as number)) & mask;
    }
  }
  if (!straddles) return;
  for (let s = 0; s < s1 - s0; s++) {
    const stream = { base: base + s * streamStep, wordStep, streamStep: 0, at: s * width, step: 1, streams: 1 };
    addStraddling(codes, words, places, out, stream);
  }
}

/** Every column is a stream. */
function unpackColumns(codes: CodeMatrix, items: Items, places: Places, s0: number, s1: number, out: Uint8Array): void {
  const words = wordView(items, codes.wordBytes);
  const { word, shift, straddles } = places;
  const width = s1 - s0;
  const mask = (1 << codes.bits) - 1;
  const [streamStep, wordStep] = stepsOf(items);
  const base = items.origin + s0 * streamStep + places.from * wordStep;
  for (let i = 0; i < word.length; i++) {
    const from = base + (word[i] as number) * wordStep;
    const bit = shift[i] as number;
    const at = i * width;
    for (let c = 0, w = from; c < width; c++, w += streamStep) out[at + c] = ((words[w] as number) >>> bit) & mask;
  }
  if (straddles)
    addStraddling(codes, words, places, out, { base, wordStep, streamStep, at: 0, step: width, streams: width });
}

interface Streams {
  readonly base: number;
  readonly wordStep: number;
  readonly streamStep: number;
  readonly at: number;
  /** Distance in `out` between codes of a stream. */
  readonly step: number;
  readonly streams: number;
}

/** The upper bits of codes that cross a word's border. */
function addStraddling(
  { bits, wordBytes }: CodeMatrix,
  words: Words,
  { word, shift }: Places,
  out: Uint8Array,
  { base, wordStep, streamStep, at, step, streams }: Streams,
): void {
  const mask = (1 << bits) - 1;
  for (let i = 0; i < word.length; i++) {
    const below = wordBytes * 8 - (shift[i] as number);
    if (below >= bits) continue;
    const next = base + ((word[i] as number) + 1) * wordStep;
    for (let c = 0; c < streams; c++) {
      const to = at + i * step + c;
      out[to] = ((out[to] as number) | ((words[next + c * streamStep] as number) << below)) & mask;
    }
  }
}

function stepsOf({ strides }: Items): [number, number] {
  return [strides[0] ?? 0, strides[1] ?? 0];
}

function wordView({ bytes }: Items, wordBytes: 1 | 4): Words {
  return wordBytes === 1 ? bytes : new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}

function checkCodes(codes: CodeMatrix, { row0, row1, column0, column1 }: Rect): void {
  const { bits, order, packing, rows, columns } = codes;
  const slots = Math.floor((codes.wordBytes * 8) / bits);
  const stream = codes.streams === 'rows' ? columns : rows;
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= 8)) fail(`codes of ${bits} bits, 1 to 8 are known`);
  if (!(row0 >= 0 && row1 <= rows && column0 >= 0 && column1 <= columns))
    fail(`code ${row1 - 1}, ${column1 - 1} wanted of ${rows} × ${columns}`);
  if (order !== undefined && !(order.length === slots && order.every((place) => place >= 0 && place < slots)))
    fail(`an order of ${order.length} slots for words of ${slots}`);
  if (packing === 'spread' && !((codes.words ?? 0) >= 1 && stream <= (codes.words ?? 0) * slots))
    fail(`${stream} codes spread over ${codes.words ?? 0} words of ${slots}`);
}

function fail(fact: string): never {
  throw new QuantscopeError('PACKING_INVALID', fact);
}

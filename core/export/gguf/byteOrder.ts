// A key-value of a big-endian GGUF file, made little endian: everything an exporter writes is.

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_GGUF_ARRAY_DEPTH } from '../../base/limits.ts';

/** gguf.h `enum gguf_type` → bytes of one value. */
const SCALAR_BYTES: Readonly<Record<number, 1 | 2 | 4 | 8>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
const STRING = 8;
const ARRAY = 9;

/**
 * @param record key length, key, value type, value, as the file holds them; not changed
 * @throws FILE_CHANGED when the record is none any more: its structure was checked when the file was opened
 */
export function littleEndianRecord(record: Uint8Array, file: string): Uint8Array<ArrayBuffer> {
  const bytes = record.slice();
  const cursor = { bytes, view: new DataView(bytes.buffer), at: 0 };
  try {
    swapString(cursor);
    swapValue(cursor, swapU32(cursor), 0);
    if (cursor.at === bytes.length) return bytes;
  } catch (error) {
    // A DataView refuses to read past its end.
    if (!(error instanceof RangeError)) throw error;
  }
  throw new QuantscopeError('FILE_CHANGED', `${file}: a key-value is not what it was when the file was opened`);
}

interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}

function swapValue(cursor: Cursor, type: number, depth: number): void {
  if (type === STRING) swapString(cursor);
  else if (type === ARRAY) swapArray(cursor, depth);
  else swapWords(cursor, type, 1);
}

function swapArray(cursor: Cursor, depth: number): void {
  if (depth === MAX_GGUF_ARRAY_DEPTH) throw new RangeError('arrays nested too deep');
  const items = swapU32(cursor);
  const count = swapU64(cursor);
  if (items !== STRING && items !== ARRAY) swapWords(cursor, items, count);
  else for (let item = 0; item < count; item++) swapValue(cursor, items, depth + 1);
}

function swapString(cursor: Cursor): void {
  const length = swapU64(cursor);
  cursor.at += length;
}

function swapWords(cursor: Cursor, type: number, count: number): void {
  const size = SCALAR_BYTES[type];
  if (size === undefined || cursor.at + size * count > cursor.bytes.length) throw new RangeError('no such value');
  for (let word = 0; word < count; word++, cursor.at += size) {
    if (size > 1) cursor.bytes.subarray(cursor.at, cursor.at + size).reverse();
  }
}

function swapU32(cursor: Cursor): number {
  const value = cursor.view.getUint32(cursor.at, false);
  cursor.view.setUint32(cursor.at, value, true);
  cursor.at += 4;
  return value;
}

function swapU64(cursor: Cursor): number {
  const value = cursor.view.getBigUint64(cursor.at, false);
  cursor.view.setBigUint64(cursor.at, value, true);
  cursor.at += 8;
  return Number(value);
}

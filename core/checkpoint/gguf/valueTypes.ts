// GGUF value types (gguf.h `enum gguf_type`): ids, names, sizes, and how their bytes become values.

import type { MetadataValue } from '../checkpoint.ts';

export const GGUF_VALUE_TYPES = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const;

export type GgufValueType = (typeof GGUF_VALUE_TYPES)[number];
export type GgufScalarType = Exclude<GgufValueType, 'string' | 'array'>;

const SIZES: Readonly<Record<GgufScalarType, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
};

export function isScalar(type: GgufValueType): type is GgufScalarType {
  return type !== 'string' && type !== 'array';
}

export function scalarBytes(type: GgufScalarType): number {
  return SIZES[type];
}

/** 64-bit integers come back as bigint, every other number as number. */
export function readScalar(
  view: DataView,
  at: number,
  type: GgufScalarType,
  littleEndian: boolean,
): number | bigint | boolean {
  switch (type) {
    case 'u8':
      return view.getUint8(at);
    case 'i8':
      return view.getInt8(at);
    case 'u16':
      return view.getUint16(at, littleEndian);
    case 'i16':
      return view.getInt16(at, littleEndian);
    case 'u32':
      return view.getUint32(at, littleEndian);
    case 'i32':
      return view.getInt32(at, littleEndian);
    case 'f32':
      return view.getFloat32(at, littleEndian);
    case 'bool':
      return view.getUint8(at) !== 0;
    case 'u64':
      return view.getBigUint64(at, littleEndian);
    case 'i64':
      return view.getBigInt64(at, littleEndian);
    case 'f64':
      return view.getFloat64(at, littleEndian);
  }
}

/**
 * Decodes a validated value. Text that is not UTF-8 (byte tokens) is shown with replacement characters; whoever needs
 * the exact bytes copies them from the file.
 *
 * @param bytes begins at the value and may go on after it; arrays begin with their item type and count
 * @param limit at most so many items of an array
 */
export function decodeValue(
  bytes: Uint8Array,
  type: GgufValueType,
  littleEndian: boolean,
  limit = Number.POSITIVE_INFINITY,
): MetadataValue {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return decodeAt({ buffer, view, littleEndian, at: 0 }, type, limit);
}

interface Cursor {
  readonly buffer: Buffer;
  readonly view: DataView;
  readonly littleEndian: boolean;
  at: number;
}

function decodeAt(cursor: Cursor, type: GgufValueType, limit: number): MetadataValue {
  if (type === 'string') {
    const start = cursor.at + 8;
    cursor.at = start + Number(cursor.view.getBigUint64(cursor.at, cursor.littleEndian));
    return cursor.buffer.toString('utf8', start, cursor.at);
  }
  if (type === 'array') {
    const items = GGUF_VALUE_TYPES[cursor.view.getUint32(cursor.at, cursor.littleEndian)] ?? 'u8';
    const count = Number(cursor.view.getBigUint64(cursor.at + 4, cursor.littleEndian));
    cursor.at += 12;
    const values: MetadataValue[] = [];
    for (let index = 0; index < Math.min(count, limit); index++) {
      values.push(decodeAt(cursor, items, items === 'array' ? Number.POSITIVE_INFINITY : limit));
    }
    return values;
  }
  const value = readScalar(cursor.view, cursor.at, type, cursor.littleEndian);
  cursor.at += scalarBytes(type);
  return value;
}

// GGUF key-values: validated and measured while walking, decoded only when somebody looks at them.

import { type ErrorCode, QuantscopeError } from '../../base/errors.ts';
import {
  MAX_GGUF_ARRAY_DEPTH,
  MAX_GGUF_ARRAY_ITEMS,
  MAX_GGUF_KEY_BYTES,
  MAX_GGUF_KEYS,
  MAX_GGUF_NESTED_ARRAYS,
} from '../../base/limits.ts';
import type { MetadataValue } from '../checkpoint.ts';
import { decodeName, limitName, quoteName } from '../tensorName.ts';
import type { GgufKeyValue } from './details.ts';
import { type PagedHeader, u64At } from './pagedHeader.ts';
import { decodeValue, GGUF_VALUE_TYPES, type GgufValueType, isScalar, scalarBytes } from './valueTypes.ts';

/** Key length, an empty key, value type, a one-byte value. */
const MIN_KEY_VALUE_BYTES = 13;

/** Where a record lies; values are cut out once the whole header is loaded and its buffer no longer moves. */
export interface KeyValueRange extends Pick<GgufKeyValue, 'key' | 'type' | 'items' | 'offset' | 'bytes'> {
  readonly valueOffset: number;
}

/** @throws COUNT_LIMIT, DUPLICATE_NAME, NAME_INVALID, HEADER_INVALID, HEADER_TRUNCATED */
export async function readKeyValues(header: PagedHeader, count: number): Promise<KeyValueRange[]> {
  const { name } = header.source;
  if (count > MAX_GGUF_KEYS || count * MIN_KEY_VALUE_BYTES > header.left) {
    const fact = `${count} key-values claimed, limit ${MAX_GGUF_KEYS} and what ${header.left} bytes can hold`;
    throw new QuantscopeError('COUNT_LIMIT', `${name}: ${fact}`);
  }
  const ranges: KeyValueRange[] = [];
  const keys = new Set<string>();
  for (let index = 0; index < count; index++) {
    const offset = header.at;
    const key = await readName(header, MAX_GGUF_KEY_BYTES, `key ${index}`);
    if (keys.has(key)) fail(header, `key ${quoteName(key)} appears twice`, 'DUPLICATE_NAME');
    keys.add(key);
    const type = await readType(header, key);
    const valueOffset = header.at;
    const items = await walkValue(header, type, key, 0);
    ranges.push({ key, type, items, offset, bytes: header.at - offset, valueOffset });
  }
  return ranges;
}

/** Gives ranges their values; array bytes are copied, so that the header buffer can be freed. */
export function keyValuesOf(header: PagedHeader, ranges: readonly KeyValueRange[]): GgufKeyValue[] {
  const { littleEndian } = header;
  return ranges.map(({ key, type, items, offset, bytes, valueOffset }) => {
    const raw = header.bytes.slice(valueOffset, offset + bytes);
    let value: MetadataValue | undefined;
    return {
      key,
      type,
      items,
      file: 0,
      offset,
      bytes,
      get value() {
        value ??= decodeValue(raw, type, littleEndian);
        return value;
      },
      preview: (limit) => decodeValue(raw, type, littleEndian, limit),
    };
  });
}

/** A length-prefixed string that names something. */
export async function readName(header: PagedHeader, limit: number, what: string): Promise<string> {
  const length = await header.u64();
  const where = (): string => `${header.source.name}: ${what}`;
  limitName(length, limit, where);
  await header.need(length);
  const start = header.at;
  header.at += length;
  return decodeName(header.bytes.subarray(start, header.at), where);
}

async function readType(header: PagedHeader, key: string): Promise<GgufValueType> {
  const id = await header.u32();
  return GGUF_VALUE_TYPES[id] ?? fail(header, `key ${quoteName(key)} has the unknown value type ${id}`);
}

/** Moves past a value, checking every length against the file before anything is allocated. */
async function walkValue(
  header: PagedHeader,
  type: GgufValueType,
  key: string,
  depth: number,
): Promise<GgufKeyValue['items']> {
  if (isScalar(type)) {
    await skip(header, scalarBytes(type));
    return null;
  }
  if (type === 'string') {
    await skip(header, await header.u64());
    return null;
  }
  if (depth === MAX_GGUF_ARRAY_DEPTH) fail(header, `key ${quoteName(key)} nests arrays deeper than ${depth}`);
  const itemType = await readType(header, key);
  const count = await header.u64();
  const smallest = isScalar(itemType) ? scalarBytes(itemType) : itemType === 'string' ? 8 : 12;
  if (!(count * smallest <= header.left)) {
    const fact = `${count} items claimed, ${header.left} bytes are left in the file`;
    fail(header, `key ${quoteName(key)}: ${fact}`, 'COUNT_LIMIT');
  }
  const limit = itemType === 'array' ? MAX_GGUF_NESTED_ARRAYS : MAX_GGUF_ARRAY_ITEMS;
  if (count > limit) fail(header, `key ${quoteName(key)}: ${count} items, limit ${limit}`, 'COUNT_LIMIT');
  if (isScalar(itemType)) await skip(header, count * smallest);
  else if (itemType === 'string') await walkStrings(header, count);
  else for (let index = 0; index < count; index++) await walkValue(header, itemType, key, depth + 1);
  return { type: itemType, count };
}

/** The hot loop of large vocabularies: no promise per string. */
async function walkStrings(header: PagedHeader, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    if (header.at + 8 > header.loaded) await header.need(8);
    const length = u64At(header.view, header.at, header.littleEndian);
    header.at += 8;
    if (header.at + length > header.loaded) await header.need(length);
    header.at += length;
  }
}

async function skip(header: PagedHeader, length: number): Promise<void> {
  await header.need(length);
  header.at += length;
}

function fail(header: PagedHeader, fact: string, code: ErrorCode = 'HEADER_INVALID'): never {
  throw new QuantscopeError(code, `${header.source.name}: ${fact}`);
}

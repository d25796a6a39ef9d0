// The header of one safetensors file: an object of tensors, each {dtype, shape, data_offsets}, and `__metadata__`.

import { MAX_NAME_BYTES, MAX_TENSOR_RANK, MAX_TENSORS } from '../../base/limits.ts';
import { type DType, isDType, isSafetensorsDType } from '../../tensor/dtype.ts';
import { DistinctNames } from '../distinctNames.ts';
import { type StoredTensor, storedTensor } from '../format.ts';
import { JsonScanner } from '../jsonScanner.ts';
import { SharedShapes } from '../sharedShapes.ts';
import { limitName, quoteName } from '../tensorName.ts';
import { countBytes, countElements } from '../tensorSize.ts';

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: readonly StoredTensor[];
}

/**
 * Parses header bytes; tensors keep the order of the header. Layout against the file is checked elsewhere.
 *
 * @param dataBegin offset of the data section in the file
 * @param file index of the file, name its base name
 * @throws HEADER_INVALID, DUPLICATE_NAME, NAME_INVALID, DTYPE_UNKNOWN, SHAPE_INVALID, COUNT_LIMIT
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  { dataBegin, file, name: fileName }: { dataBegin: number; file: number; name: string },
): SafetensorsHeader {
  const scanner = new JsonScanner(bytes, fileName);
  // The specification asks for "{" as the very first byte.
  if (bytes[0] !== 0x7b) scanner.fail('the header does not begin with "{"');
  let metadata: SafetensorsHeader['metadata'] | undefined;
  const tensors: StoredTensor[] = [];
  const names = new DistinctNames((position) => tensors[position]?.name);
  const shapes = new SharedShapes();
  /** One set of functions for all tensors, not one for each of a million. */
  let name = '';
  const label = (): string => `tensor ${quoteName(name)}`;
  const where = (): string => `${fileName}: ${label()}`;
  const parseEntry = entryParser(scanner, label);
  scanner.object((key) => {
    name = key;
    if (name === '__metadata__') {
      if (metadata !== undefined) scanner.fail('__metadata__ appears twice', 'DUPLICATE_NAME');
      metadata = parseMetadata(scanner);
      return;
    }
    if (name.length * 3 > MAX_NAME_BYTES) limitName(Buffer.byteLength(name), MAX_NAME_BYTES, where);
    if (!names.add(name)) scanner.fail(`${label()} appears twice`, 'DUPLICATE_NAME');
    if (tensors.length === MAX_TENSORS) scanner.fail(`more than ${MAX_TENSORS} tensors`, 'COUNT_LIMIT');
    const { dtype, shape, begin, end } = parseEntry();
    const elements = countElements(shape, where);
    const stored = countBytes(dtype, elements, where);
    if (stored !== end - begin) {
      const need = `${dtype} [${shape.join(', ')}] needs ${stored} bytes`;
      scanner.fail(`${label()}: ${need}, data_offsets hold ${end - begin}`, 'SHAPE_INVALID');
    }
    const offset = dataBegin + begin;
    tensors.push(storedTensor({ name, dtype, shape: shapes.of(shape), elements, bytes: stored, file, offset }));
  });
  scanner.end();
  return { metadata: metadata ?? {}, tensors };
}

interface Entry {
  dtype: DType;
  shape: number[];
  begin: number;
  end: number;
}

/** @returns a function that parses one entry after the other */
function entryParser(scanner: JsonScanner, label: () => string): () => Entry {
  let dtype: DType | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  const field = (key: string): void => {
    if (key === 'dtype') {
      if (dtype !== undefined) scanner.fail(`${label()} has two dtypes`);
      dtype = parseDType(scanner, label);
    } else if (key === 'shape') {
      if (shape !== undefined) scanner.fail(`${label()} has two shapes`);
      shape = scanner.integers(MAX_TENSOR_RANK);
    } else if (key === 'data_offsets') {
      if (offsets !== undefined) scanner.fail(`${label()} has two data_offsets`);
      offsets = scanner.integers(2);
    } else scanner.skip();
  };
  return () => {
    dtype = undefined;
    shape = undefined;
    offsets = undefined;
    scanner.object(field);
    return checkedEntry(scanner, label, dtype, shape, offsets);
  };
}

function checkedEntry(
  scanner: JsonScanner,
  label: () => string,
  dtype: DType | undefined,
  shape: number[] | undefined,
  offsets: number[] | undefined,
): Entry {
  if (dtype === undefined || shape === undefined || offsets === undefined) {
    return scanner.fail(
      `${label()} lacks ${dtype === undefined ? 'dtype' : shape === undefined ? 'shape' : 'data_offsets'}`,
    );
  }
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || Number.isNaN(begin) || Number.isNaN(end)) {
    return scanner.fail(`${label()}: data_offsets are not two non-negative integers`);
  }
  if (begin > end) return scanner.fail(`${label()}: data_offsets end (${end}) before they begin (${begin})`);
  if (end === Number.POSITIVE_INFINITY) return scanner.fail(`${label()} ends beyond 2^53 bytes`, 'TENSOR_OVERRUN');
  return { dtype, shape, begin, end };
}

function parseDType(scanner: JsonScanner, label: () => string): DType {
  const name = scanner.string();
  if (isDType(name) && isSafetensorsDType(name)) return name;
  return scanner.fail(`${label()} has the unknown dtype ${quoteName(name)}`, 'DTYPE_UNKNOWN');
}

function parseMetadata(scanner: JsonScanner): Readonly<Record<string, string>> {
  if (scanner.acceptNull()) return {};
  const entries = new Map<string, string>();
  scanner.object((key) => {
    if (entries.has(key)) scanner.fail(`metadata key ${quoteName(key)} appears twice`, 'DUPLICATE_NAME');
    entries.set(key, scanner.string());
  });
  // fromEntries defines properties, so that a key "__proto__" stays data.
  return Object.fromEntries(entries);
}

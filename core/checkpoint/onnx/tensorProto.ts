// One TensorProto: shape, type and where its elements lie. Elements are only read when no fixed width places them.

import { MAX_NAME_BYTES, MAX_TENSOR_RANK } from '../../base/limits.ts';
import type { SharedShapes } from '../sharedShapes.ts';
import { quoteName } from '../tensorName.ts';
import { countElements } from '../tensorSize.ts';
import { DATA_FIELDS, elementsPerInteger, ONNX_TYPES, type OnnxType, STRING_TYPE } from './dataTypes.ts';
import { type NumberForm, readNumbers } from './numbers.ts';
import { type Field, type Protobuf, WIRE } from './protobuf.ts';

/** onnx.proto, TensorProto; its data fields are DATA_FIELDS. */
const DIMS = 1;
const DATA_TYPE = 2;
const SEGMENT = 3;
const NAME = 8;
const EXTERNAL_DATA = 13;
const DATA_LOCATION = 14;
const EXTERNAL = 1;
const ENTRY_KEY = 1;
const ENTRY_VALUE = 2;
const DATA_NUMBERS: ReadonlySet<number> = new Set(Object.values(DATA_FIELDS));

export interface TensorRecord {
  /** Of the value in its graph. */
  readonly name: string;
  readonly type: OnnxType;
  readonly shape: readonly number[];
  readonly elements: number;
  readonly data: TensorData;
}

export type TensorData =
  /** Fixed-width little-endian elements in the model file. */
  | { readonly kind: 'inside'; readonly offset: number; readonly bytes: number }
  /** The same, in a file beside it; `bytes` is null when the model does not say. */
  | { readonly kind: 'outside'; readonly location: string; readonly offset: number; readonly bytes: number | null }
  /** Read already; `offset` and `bytes` tell which part of the model file they came from. */
  | { readonly kind: 'numbers'; readonly values: Float32Array; readonly offset: number; readonly bytes: number };

/** Why a tensor is left out of the list. */
export interface OmittedTensor {
  readonly name: string;
  readonly reason: string;
}

/** What all tensors of a file share. */
export interface TensorContext {
  /** Numbers that may still be read into memory. */
  numbersLeft: number;
  readonly shapes: SharedShapes;
}

interface Draft {
  name: string;
  shape: number[];
  type: number;
  external: boolean;
  /** Of external data; null without any. */
  entries: Map<string, string> | null;
  /** The data fields it has, hardly ever more than one. */
  readonly data: DataField[];
}

interface DataField {
  readonly first: Field;
  /** How often the field occurs, and where the last occurrence ends. */
  count: number;
  end: number;
}

/**
 * Reads the message between `proto.at` and `end`, and leaves `proto.at` at `end`.
 *
 * @param constantName of the value that a Constant gives; the tensor's own name then means nothing
 * @throws DTYPE_UNKNOWN, SHAPE_INVALID, NAME_INVALID, HEADER_INVALID, HEADER_TRUNCATED
 */
export async function readTensor(
  proto: Protobuf,
  end: number,
  context: TensorContext,
  constantName?: string,
): Promise<TensorRecord | OmittedTensor> {
  const draft: Draft = { name: '', shape: [], type: 0, external: false, entries: null, data: [] };
  const start = proto.at;
  while (proto.at < end) {
    if (!proto.ready) await proto.refill();
    const field = proto.field(end);
    const reading = readField(proto, field, draft);
    // Of a million tensors, hardly one waits.
    if (reading !== undefined) await reading;
    proto.at = field.end;
  }
  draft.name = constantName ?? draft.name;
  const { name, shape } = draft;
  const elements = countElements(shape, () => `${proto.source.name}: tensor ${quoteName(name)}`);
  if (draft.type === STRING_TYPE) return { name, reason: 'text' };
  const type = ONNX_TYPES[draft.type];
  if (type === undefined) {
    return proto.fail(`tensor ${quoteName(name)} has the unknown ONNX type ${draft.type}`, 'DTYPE_UNKNOWN');
  }
  const data =
    placedData(proto, draft, type, elements, start) ?? (await readData(proto, end, draft, type, elements, context));
  return 'reason' in data ? data : { name, type, shape: context.shapes.of(shape), elements, data };
}

/** Data that need not be read; null when it must. */
function placedData(proto: Protobuf, draft: Draft, type: OnnxType, elements: number, start: number): TensorData | null {
  const { name, external } = draft;
  if (external) return externalData(proto, draft);
  const raw = dataField(draft, DATA_FIELDS.raw);
  if (raw !== undefined) return insideFile(proto, name, elements, raw, type.bits);
  const typed = dataField(draft, type.field);
  if (typed === undefined) {
    if (elements > 0) proto.fail(`tensor ${quoteName(name)} has ${elements} elements and no data`, 'SHAPE_INVALID');
    return { kind: 'inside', offset: start, bytes: 0 };
  }
  const fixedWidth = formOf(type) !== 'varint' && typed.count === 1 && typed.first.wire === WIRE.bytes;
  return fixedWidth ? insideFile(proto, name, elements, typed, type.bits) : null;
}

/** Numbers without fixed width, from the typed field of a tensor's type. */
async function readData(
  proto: Protobuf,
  end: number,
  draft: Draft,
  type: OnnxType,
  elements: number,
  context: TensorContext,
): Promise<TensorData | OmittedTensor> {
  const { name } = draft;
  const typed = dataField(draft, type.field);
  const count = Math.ceil(elements / elementsPerInteger(type));
  const wrong = (fact: string): never =>
    proto.fail(`tensor ${quoteName(name)} has ${elements} elements and ${fact} numbers`, 'SHAPE_INVALID');
  // Every number takes a byte at least.
  if (typed === undefined || count > typed.end - typed.first.start) return wrong('fewer');
  if (type.parts > 1) return { name, reason: 'complex numbers without fixed width' };
  if (elements > context.numbersLeft) return { name, reason: 'more numbers without fixed width than are read' };
  context.numbersLeft -= elements;
  const offset = typed.first.start;
  const numbers = await readNumbers(proto, typed.first, end, formOf(type), count);
  proto.at = end;
  if (numbers.length !== count) wrong(numbers.length > count ? 'more' : 'fewer');
  return { kind: 'numbers', values: valuesOf(numbers, type, elements), offset, bytes: typed.end - offset };
}

/** What the numbers of a typed field stand for; those of 4 and 2 bits come several in one. */
function valuesOf(numbers: readonly number[], type: OnnxType, elements: number): Float32Array {
  const { bits, fromInteger = (integer: number) => integer } = type;
  const perInteger = elementsPerInteger(type);
  return Float32Array.from({ length: elements }, (_, at) => {
    const number = numbers[Math.floor(at / perInteger)] ?? 0;
    return fromInteger(perInteger === 1 ? number : number >> ((at % perInteger) * bits));
  });
}

function formOf({ field }: OnnxType): NumberForm {
  return field === DATA_FIELDS.float ? 'float32' : field === DATA_FIELDS.double ? 'float64' : 'varint';
}

/** @returns a promise when the field's content has to be fetched first */
function readField(proto: Protobuf, field: Field, draft: Draft): Promise<void> | undefined {
  const { number } = field;
  if (number === DIMS) {
    if (field.wire !== WIRE.varint) return readPackedDims(proto, field, draft.shape);
    draft.shape.push(field.value);
    if (draft.shape.length > MAX_TENSOR_RANK) tooManyDims(proto, field);
  } else if (number === DATA_TYPE) draft.type = field.value;
  else if (number === NAME) {
    const name = proto.text(field, MAX_NAME_BYTES, 'the name of a tensor');
    if (typeof name !== 'string') {
      return name.then((text) => {
        draft.name = text;
      });
    }
    draft.name = name;
  } else if (number === EXTERNAL_DATA) {
    draft.entries ??= new Map();
    return readEntry(proto, field, draft.entries);
  } else if (number === DATA_LOCATION) draft.external = field.value === EXTERNAL;
  else if (number === SEGMENT) proto.fail(`the tensor at byte ${field.start} is a segment of another`);
  else if (DATA_NUMBERS.has(number)) {
    const known = dataField(draft, number);
    if (known === undefined) draft.data.push({ first: field, count: 1, end: field.end });
    else {
      known.count++;
      known.end = field.end;
    }
  }
  return undefined;
}

function dataField({ data }: Draft, number: number): DataField | undefined {
  for (const field of data) if (field.first.number === number) return field;
  return undefined;
}

async function readPackedDims(proto: Protobuf, field: Field, shape: number[]): Promise<void> {
  proto.expect(field, WIRE.bytes);
  if (field.end - field.start > 10 * MAX_TENSOR_RANK) tooManyDims(proto, field);
  await proto.bytes(field);
  proto.at = field.start;
  while (proto.at < field.end) shape.push(proto.varint());
  if (proto.at > field.end) proto.fail(`a dimension leaves its field at byte ${field.end}`, 'HEADER_TRUNCATED');
  if (shape.length > MAX_TENSOR_RANK) tooManyDims(proto, field);
}

function tooManyDims(proto: Protobuf, field: Field): never {
  const fact = `has more than ${MAX_TENSOR_RANK} dimensions`;
  return proto.fail(`the tensor at byte ${field.start} ${fact}`, 'SHAPE_INVALID');
}

async function readEntry(proto: Protobuf, entry: Field, entries: Map<string, string>): Promise<void> {
  proto.expect(entry, WIRE.bytes);
  let [key, value] = ['', ''];
  while (proto.at < entry.end) {
    if (!proto.ready) await proto.refill();
    const field = proto.field(entry.end);
    if (field.number === ENTRY_KEY) key = await proto.text(field, MAX_NAME_BYTES, 'a key of external data');
    else if (field.number === ENTRY_VALUE) value = await proto.text(field, MAX_NAME_BYTES, 'a value of external data');
    proto.at = field.end;
  }
  entries.set(key, value);
}

/** onnx.proto: location is a path; offset and length are decimal numbers, and optional. */
function externalData(proto: Protobuf, { entries, name }: Draft): TensorData {
  const location = entries?.get('location');
  if (location === undefined) return proto.fail(`tensor ${quoteName(name)} has external data without a location`);
  const decimal = (key: string): number | null => {
    const text = entries?.get(key);
    if (text === undefined || text === '') return null;
    if (/^\d{1,15}$/.test(text)) return Number(text);
    return proto.fail(`tensor ${quoteName(name)} has the external ${key} ${quoteName(text)}, not a number up to 10^15`);
  };
  return { kind: 'outside', location, offset: decimal('offset') ?? 0, bytes: decimal('length') };
}

function insideFile(
  proto: Protobuf,
  name: string,
  elements: number,
  { first, count }: DataField,
  bits: number,
): TensorData {
  proto.expect(first, WIRE.bytes);
  if (count > 1) proto.fail(`tensor ${quoteName(name)} has ${count} fields of data, expected one`);
  const bytes = first.end - first.start;
  const needed = Math.ceil((elements * bits) / 8);
  if (bytes !== needed) {
    const fact = `has ${elements} elements of ${bits} bits, which take ${needed} bytes, and ${bytes} bytes of data`;
    proto.fail(`tensor ${quoteName(name)} ${fact}`, 'SHAPE_INVALID');
  }
  return { kind: 'inside', offset: first.start, bytes };
}

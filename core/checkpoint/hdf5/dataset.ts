// One HDF5 dataset: element type, shape and place of its data (specification IV.A.2.b, .d, .i).

import { MAX_TENSOR_RANK } from '../../base/limits.ts';
import type { DType } from '../../tensor/dtype.ts';
import { Cursor, UNDEFINED, type Widths } from './cursor.ts';
import { MESSAGE, type Message } from './objectHeader.ts';

export interface Dataset {
  readonly dtype: DType;
  readonly bigEndian: boolean;
  readonly shape: readonly number[];
  /** Absolute byte offset. */
  readonly offset: number;
  /** Bytes the layout claims. */
  readonly bytes: number;
}

/** The dataset these messages describe; a sentence why it cannot be read; null when they describe none. */
export function readDataset(messages: readonly Message[], file: string, widths: Widths): Dataset | string | null {
  const find = (type: number): Message | undefined => messages.find((message) => message.type === type);
  const [space, type, layout] = [find(MESSAGE.dataspace), find(MESSAGE.datatype), find(MESSAGE.layout)];
  if (space === undefined || type === undefined || layout === undefined) return null;
  if (space.shared || type.shared) return 'uses a shared type';
  const element = readElement(new Cursor(type.body, file, widths));
  if (typeof element === 'string') return element;
  if (find(MESSAGE.filters) !== undefined) return 'is stored through filters';
  const place = readLayout(new Cursor(layout.body, file, widths), layout.offset);
  if (typeof place === 'string') return place;
  const shape = readShape(new Cursor(space.body, file, widths));
  return shape === null ? 'is empty (null dataspace)' : { ...element, ...place, shape };
}

function readShape(space: Cursor): number[] | null {
  const version = space.u8();
  const rank = space.u8();
  space.u8();
  if (version === 1) space.skip(5);
  else if (version !== 2) space.fail(`a dataspace has the unknown version ${version}`, 'VERSION_UNSUPPORTED');
  else if (space.u8() === 2) return null;
  if (rank > MAX_TENSOR_RANK) space.fail(`a dataset has ${rank} dimensions, limit ${MAX_TENSOR_RANK}`, 'SHAPE_INVALID');
  return Array.from({ length: rank }, () => space.length());
}

function readElement(type: Cursor): { dtype: DType; bigEndian: boolean } | string {
  const kind = type.u8() & 15;
  const flags = type.u8();
  type.skip(2);
  const size = type.u32();
  const bigEndian = (flags & 1) !== 0 && size > 1;
  if (kind === 0) {
    const dtype = ({ 1: 'I8', 2: 'I16', 4: 'I32', 8: 'I64' } as const)[size];
    if (dtype === undefined) return `holds integers of ${size} bytes`;
    return { dtype: (flags & 8) !== 0 ? dtype : (`U${dtype.slice(1)}` as DType), bigEndian };
  }
  if (kind === 1) {
    type.skip(5);
    const exponentBits = type.u8();
    const dtype = FLOATS[`${size}:${exponentBits}`];
    return dtype === undefined
      ? `holds floats of ${size} bytes with ${exponentBits} bits of exponent`
      : { dtype, bigEndian };
  }
  // h5py writes booleans as an enumeration over int8.
  if (kind === 8 && size === 1) return { dtype: 'BOOL', bigEndian: false };
  return `holds ${KINDS[kind] ?? `elements of class ${kind}`}`;
}

/** Bytes and bits of exponent tell the usual floats apart. */
const FLOATS: Readonly<Record<string, DType>> = { '8:11': 'F64', '4:8': 'F32', '2:5': 'F16', '2:8': 'BF16' };
const KINDS: Readonly<Record<number, string>> = {
  2: 'times',
  3: 'strings',
  4: 'bit fields',
  5: 'opaque bytes',
  6: 'records',
  7: 'references',
  8: 'enumerations',
  9: 'lists of varying length',
  10: 'arrays',
};

const COMPACT = 0;
const CONTIGUOUS = 1;

function readLayout(layout: Cursor, bodyOffset: number): { offset: number; bytes: number } | string {
  const version = layout.u8();
  if (version === 1 || version === 2) return readOldLayout(layout, bodyOffset);
  if (version !== 3 && version !== 4) layout.fail(`a layout has the unknown version ${version}`, 'VERSION_UNSUPPORTED');
  const kind = layout.u8();
  if (kind === COMPACT) {
    const bytes = layout.u16();
    return { offset: bodyOffset + layout.at, bytes };
  }
  if (kind !== CONTIGUOUS) return 'is stored in chunks';
  const offset = layout.address();
  const bytes = layout.length();
  return offset === UNDEFINED && bytes > 0 ? 'was never written' : { offset: Math.max(0, offset), bytes };
}

/** Versions 1 and 2 list dimensions of four bytes, whose product with the element size is what is stored. */
function readOldLayout(layout: Cursor, bodyOffset: number): { offset: number; bytes: number } | string {
  const rank = layout.u8();
  const kind = layout.u8();
  layout.skip(5);
  if (kind !== COMPACT && kind !== CONTIGUOUS) return 'is stored in chunks';
  const offset = kind === CONTIGUOUS ? layout.address() : 0;
  let bytes = 1;
  for (let dimension = 0; dimension < rank; dimension++) bytes *= layout.u32();
  if (kind === COMPACT) {
    bytes = layout.u32();
    return { offset: bodyOffset + layout.at, bytes };
  }
  return offset === UNDEFINED ? 'was never written' : { offset, bytes };
}

// The header of a .npy array: magic, version, and a Python dictionary of dtype, order and shape.
// numpy/lib/format.py, NEPs 1 and 14; versions 1 to 3.

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_NPY_HEADER_BYTES, MAX_TENSOR_RANK } from '../../base/limits.ts';
import { type PythonLiteral, parsePythonLiteral } from './pythonLiteral.ts';

export const NPY_MAGIC = '\x93NUMPY';
/** Magic, version and the longer of the two length fields: what tells how long the header is. */
export const NPY_PREAMBLE_BYTES = 12;
/** Enough for every header of a plain array: 128 bytes are usual. */
export const NPY_USUAL_HEADER_BYTES = 256;

/** Hostile archives with more only lose the sharing. */
const MAX_SHARED_HEADERS = 1024;

export interface NpyHeader {
  readonly descr: PythonLiteral;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** The data begins here, counted from the magic. */
  readonly headerBytes: number;
}

export function beginsLikeNpy(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, NPY_MAGIC.length)).toString('latin1') === NPY_MAGIC;
}

/**
 * @param head at least NPY_PREAMBLE_BYTES, or the whole of a shorter array
 * @returns bytes from the magic up to the data
 * @throws HEADER_INVALID, HEADER_TRUNCATED, VERSION_UNSUPPORTED, HEADER_TOO_LARGE
 */
export function npyHeaderBytes(head: Uint8Array, where: () => string): number {
  if (!beginsLikeNpy(head)) throw new QuantscopeError('HEADER_INVALID', `${where()} does not begin as NumPy arrays do`);
  if (head.length < NPY_PREAMBLE_BYTES) {
    throw new QuantscopeError('HEADER_TRUNCATED', `${where()}: ${head.length} bytes, less than any header has`);
  }
  const [major = 0, minor = 0] = head.subarray(NPY_MAGIC.length);
  if (major < 1 || major > 3 || minor !== 0) {
    const fact = `the array has format version ${major}.${minor}, only 1.0, 2.0 and 3.0 are read`;
    throw new QuantscopeError('VERSION_UNSUPPORTED', `${where()}: ${fact}`);
  }
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_NPY_HEADER_BYTES) {
    const fact = `the header claims ${length} bytes, limit ${MAX_NPY_HEADER_BYTES}`;
    throw new QuantscopeError('HEADER_TOO_LARGE', `${where()}: ${fact}`);
  }
  return (major === 1 ? 10 : 12) + length;
}

/**
 * @param bytes the header, exactly
 * @throws HEADER_INVALID, DUPLICATE_NAME, NESTING_LIMIT, SHAPE_INVALID
 */
export function parseNpyHeader(bytes: Uint8Array, where: () => string): NpyHeader {
  const fail = (fact: string): never => {
    throw new QuantscopeError('HEADER_INVALID', `${where()}: ${fact}`);
  };
  const literal = parsePythonLiteral(headerText(bytes, fail), where);
  if (literal.kind !== 'dictionary') return fail('the header is not a dictionary');
  const { entries } = literal;
  const descr = entries.get('descr');
  const order = entries.get('fortran_order');
  const shape = entries.get('shape');
  if (descr === undefined || order === undefined || shape === undefined || entries.size !== 3) {
    return fail('the header does not have the keys descr, fortran_order and shape, and no others');
  }
  if (order.kind !== 'boolean') return fail('fortran_order is neither True nor False');
  if (shape.kind !== 'tuple') return fail('the shape is not a tuple');
  if (shape.items.length > MAX_TENSOR_RANK) {
    const fact = `${shape.items.length} dimensions, limit ${MAX_TENSOR_RANK}`;
    throw new QuantscopeError('SHAPE_INVALID', `${where()} has ${fact}`);
  }
  const dimensions = shape.items.map((item) =>
    item.kind === 'integer' ? item.value : fail('a dimension is no number'),
  );
  return { descr, fortranOrder: order.value, shape: dimensions, headerBytes: bytes.length };
}

/** Latin-1 up to version 2, UTF-8 from 3 on. */
function headerText(bytes: Uint8Array, fail: (fact: string) => never): string {
  const version = bytes[NPY_MAGIC.length] ?? 0;
  const text = bytes.subarray(version === 1 ? 10 : 12);
  if (version < 3) return Buffer.from(text).toString('latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(text);
  } catch {
    return fail('the header is not valid UTF-8');
  }
}

/** Headers of one archive: a million arrays have a few dozen different ones, and share what they parse to. */
export class NpyHeaders {
  readonly #known = new Map<string, NpyHeader>();

  /** @throws as parseNpyHeader */
  parse(bytes: Uint8Array, where: () => string): NpyHeader {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const header = parseNpyHeader(bytes, where);
    if (this.#known.size < MAX_SHARED_HEADERS) this.#known.set(key, header);
    return header;
  }
}

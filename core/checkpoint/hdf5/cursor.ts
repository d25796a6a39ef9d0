// Little-endian fields of one HDF5 structure, with offsets and lengths of 4 or 8 bytes as the superblock says.

import { type ErrorCode, QuantscopeError } from '../../base/errors.ts';

/** All bits set: "no address" (specification IV.A, "undefined address"). */
export const UNDEFINED = -1;

export interface Widths {
  readonly offsetBytes: 2 | 4 | 8;
  readonly lengthBytes: 2 | 4 | 8;
}

export class Cursor {
  readonly bytes: Uint8Array;
  readonly file: string;
  readonly widths: Widths;
  at = 0;

  constructor(bytes: Uint8Array, file: string, widths: Widths) {
    this.bytes = bytes;
    this.file = file;
    this.widths = widths;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  fail(fact: string, code: ErrorCode = 'HEADER_INVALID'): never {
    throw new QuantscopeError(code, `${this.file}: ${fact}`);
  }

  take(count: number): Uint8Array {
    if (count > this.left) this.fail(`an HDF5 structure ends ${count - this.left} bytes early`, 'HEADER_TRUNCATED');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  skip(count: number): void {
    this.take(count);
  }

  u8(): number {
    return this.take(1)[0] ?? 0;
  }

  u16(): number {
    return this.#unsigned(2);
  }

  u32(): number {
    return this.#unsigned(4);
  }

  /** A file address; UNDEFINED when all bits are set. */
  address(): number {
    return this.#wide(this.widths.offsetBytes);
  }

  /** A size in the file's width of lengths; Infinity beyond 2^53, which no limit lets pass. */
  length(): number {
    const value = this.#wide(this.widths.lengthBytes);
    return value === UNDEFINED ? Number.POSITIVE_INFINITY : value;
  }

  /** An integer of 1, 2, 4 or 8 bytes. */
  unsigned(bytes: number): number {
    const value = this.#wide(bytes);
    return value === UNDEFINED && bytes === 8
      ? Number.POSITIVE_INFINITY
      : value === UNDEFINED
        ? 2 ** (8 * bytes) - 1
        : value;
  }

  /** @throws HEADER_INVALID unless these four bytes come next */
  expect(signature: string, what: string): void {
    const found = String.fromCharCode(...this.take(4));
    if (found !== signature) this.fail(`${what} does not begin with "${signature}"`);
  }

  #unsigned(count: number): number {
    let value = 0;
    for (const [i, byte] of this.take(count).entries()) value += byte * 2 ** (8 * i);
    return value;
  }

  #wide(count: number): number {
    const bytes = this.take(count);
    if (bytes.every((byte) => byte === 0xff)) return UNDEFINED;
    let value = 0;
    for (const [i, byte] of bytes.entries()) value += byte * 2 ** (8 * i);
    return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
  }
}

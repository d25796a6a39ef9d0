// Reads the arguments of pickle opcodes: fixed numbers, counted bytes, lines of text. Never beyond the bytes given.

import { type ErrorCode, QuantscopeError } from '../../base/errors.ts';
import { MAX_PICKLE_BYTES, MAX_PICKLE_INTEGER_BYTES } from '../../base/limits.ts';
import { decodeName } from '../tensorName.ts';

/** Where a pickle's bytes come from, for messages. */
export interface PicklePlace {
  /** Base name of the file. */
  readonly file: string;
  /** Of an archive, fit for a message: "model/data.pkl"; null when the pickle lies in the file itself. */
  readonly entry: string | null;
  /** Offset in it of the first byte given. */
  readonly base: number;
}

/** The pickle goes on after the bytes given: thrown inside this folder only, where more can be read. */
export class PickleEndMissing extends Error {
  /** Bytes from the first one given that are needed to get on. */
  readonly wantedBytes: number;

  constructor(wantedBytes: number) {
    super('the pickle goes on');
    this.wantedBytes = wantedBytes;
  }
}

const NEWLINE = 0x0a;
/** Up to here, looking for bytes beyond ASCII costs less than a TextDecoder. */
const SHORT_TEXT_BYTES = 256;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class PickleCursor {
  readonly bytes: Buffer;
  readonly place: PicklePlace;
  at: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, at: number, place: PicklePlace) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
    this.place = place;
  }

  /** Moves over `length` bytes and returns where they begin. */
  take(length: number): number {
    const from = this.at;
    const end = from + length;
    if (end > this.bytes.length) this.#more(end);
    this.at = end;
    return from;
  }

  u8(): number {
    const { at } = this;
    if (at >= this.bytes.length) this.#more(at + 1);
    this.at = at + 1;
    return this.bytes[at] as number;
  }

  u16(): number {
    return this.#view.getUint16(this.take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.take(4), true);
  }

  /** BINFLOAT alone is big-endian. */
  f64(): number {
    return this.#view.getFloat64(this.take(8), false);
  }

  /** A length of 8 bytes; exact up to 2^53, beyond every file. */
  u64(): number {
    const from = this.take(8);
    return this.#view.getUint32(from, true) + this.#view.getUint32(from + 4, true) * 2 ** 32;
  }

  /** No copy: valid as long as the pickle's bytes. */
  counted(length: number): Uint8Array {
    const from = this.take(length);
    return this.bytes.subarray(from, from + length);
  }

  /** @throws NAME_INVALID when not UTF-8 */
  text(length: number): string {
    const from = this.take(length);
    if (length <= SHORT_TEXT_BYTES && this.#isAscii(from, length))
      return this.bytes.toString('latin1', from, from + length);
    return decodeName(
      this.bytes.subarray(from, from + length),
      () => `${this.place.file}: the text at ${this.position(from)}`,
    );
  }

  /** Python 2 strings: text where they are UTF-8, bytes otherwise. */
  bytesOrText(bytes: Uint8Array): string | Uint8Array {
    try {
      return strictUtf8.decode(bytes);
    } catch {
      return bytes;
    }
  }

  /** Up to the next newline, which is dropped. */
  line(): Buffer {
    const from = this.at;
    const end = this.bytes.indexOf(NEWLINE, from);
    // How long the line is cannot be known: one byte more makes the caller read on.
    if (end < 0) this.#more(this.bytes.length + 1);
    this.at = end + 1;
    return this.bytes.subarray(from, end);
  }

  /** A line holding a decimal integer, with or without Python's trailing L. */
  integerLine(): number | bigint {
    const line = this.line();
    if (line.length > MAX_PICKLE_INTEGER_BYTES) this.#refuseInteger(line.length);
    const text = line.toString('latin1').trim().replace(/L$/, '');
    if (!/^[+-]?[0-9]+$/.test(text)) return this.fail(`the integer ${JSON.stringify(text.slice(0, 40))} is none`);
    return simplest(BigInt(text.replace(/^\+/, '')));
  }

  /** Two's complement, least significant byte first; zero bytes are zero. */
  longInteger(length: number): number | bigint {
    if (length > MAX_PICKLE_INTEGER_BYTES) this.#refuseInteger(length);
    const from = this.take(length);
    if (length === 0) return 0;
    const digits = Buffer.from(this.bytes.subarray(from, from + length))
      .reverse()
      .toString('hex');
    return simplest(BigInt.asIntN(length * 8, BigInt(`0x${digits}`)));
  }

  /** A length of 4 bytes that older opcodes store with a sign. */
  signedLength(): number {
    const length = this.i32();
    return length < 0 ? this.fail(`a length is ${length}`) : length;
  }

  /** As many bytes must follow. */
  need(length: number): void {
    if (this.at + length > this.bytes.length) this.#more(this.at + length);
  }

  /** A position as messages tell it: "byte 12 of model/data.pkl". */
  position(at: number): string {
    const { entry, base } = this.place;
    return `byte ${base + at}${entry === null ? '' : ` of ${entry}`}`;
  }

  /** @param fact about the opcode just read */
  fail(fact: string, code: ErrorCode = 'HEADER_INVALID'): never {
    throw new QuantscopeError(code, `${this.place.file}: ${fact} (pickle, before ${this.position(this.at)})`);
  }

  #isAscii(from: number, length: number): boolean {
    for (let at = from; at < from + length; at++) if ((this.bytes[at] as number) >= 0x80) return false;
    return true;
  }

  #more(end: number): never {
    if (end > MAX_PICKLE_BYTES) {
      this.fail(`the pickle has ${end} bytes at least, limit ${MAX_PICKLE_BYTES}`, 'HEADER_TOO_LARGE');
    }
    throw new PickleEndMissing(end);
  }

  #refuseInteger(length: number): never {
    return this.fail(`an integer has ${length} bytes, limit ${MAX_PICKLE_INTEGER_BYTES}`, 'COUNT_LIMIT');
  }
}

function simplest(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

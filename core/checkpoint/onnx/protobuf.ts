// Protocol-buffer messages walked field by field straight from the file: what is skipped is never read.

import { createHash } from 'node:crypto';
import { type ErrorCode, QuantscopeError } from '../../base/errors.ts';
import { MAX_ONNX_STRUCTURE_BYTES } from '../../base/limits.ts';
import type { ByteSource } from '../../io/byteSource.ts';
import { decodeName, limitName } from '../tensorName.ts';

/** Read after a jump over a tensor's data: the fields between two tensors take some hundred bytes. */
const MIN_PAGE_BYTES = 1024;
/** Pages grow up to this while the walk goes on without such jumps. */
const MAX_PAGE_BYTES = 256 * 1024;
const PAGE_GROWTH = 4;
/** Data of up to this size is read over: a read costs as much as copying some ten thousand bytes. */
const SMALL_JUMP_BYTES = 16 * 1024;
/** A tag and a varint, ten bytes each at most. */
const HEAD_BYTES = 20;

/** https://protobuf.dev/programming-guides/encoding: the low three bits of a tag. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

export interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of a varint: read as int64, exact up to 2^53. 0 otherwise. */
  readonly value: number;
  /** Absolute positions of the payload: a number's bytes, or the content of a length-delimited field. */
  readonly start: number;
  readonly end: number;
}

/**
 * Walks one file. A message is read with
 *
 *     while (proto.at < end) {
 *       if (!proto.ready) await proto.refill();
 *       const field = proto.field(end);
 *       …
 *       proto.at = field.end;
 *     }
 *
 * where the file as a whole is a message that ends at `sizeBytes`.
 */
export class Protobuf {
  readonly source: ByteSource;
  /** Absolute position of the next byte looked at. */
  at = 0;
  /** Of all pages fetched. */
  readonly digest = createHash('sha256');
  #page: Buffer<ArrayBuffer> = Buffer.from(new ArrayBuffer(0));
  #view = new DataView(this.#page.buffer);
  /** Absolute positions of the page. */
  #start = 0;
  #end = 0;
  #pageBytes = MIN_PAGE_BYTES;
  #walkedBytes = 0;

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** Whether the head of a field is available at `at`; tested first, so that most fields cost no promise. */
  get ready(): boolean {
    return this.#holds(HEAD_BYTES);
  }

  /** Makes the head of a field available. */
  refill(): Promise<void> {
    return this.need(Math.min(HEAD_BYTES, this.source.sizeBytes - this.at));
  }

  /**
   * The head of the field at `at`; moves to the payload, past it for varints.
   * @param end of the message. @throws HEADER_INVALID, HEADER_TRUNCATED when the payload leaves the message
   */
  field(end: number): Field {
    const from = this.at;
    const tag = this.varint();
    const number = Math.floor(tag / 8);
    const wire = tag & 7;
    if (number < 1 || number > 0x1fff_ffff) this.fail(`byte ${from} is not the tag of a field`);
    let value = 0;
    let length = 0;
    let start = this.at;
    if (wire === WIRE.varint) {
      value = this.varint();
      length = this.at - start;
    } else if (wire === WIRE.bytes) {
      length = this.varint();
      start = this.at;
    } else if (wire === WIRE.fixed32) length = 4;
    else if (wire === WIRE.fixed64) length = 8;
    else this.fail(`field ${number} at byte ${from} has the unknown wire type ${wire}`);
    if (!(length >= 0 && length <= end - start)) {
      const size = length < 0 || length > Number.MAX_SAFE_INTEGER ? 'more than 2^53' : String(length);
      const room = end === this.source.sizeBytes ? 'the file' : 'its message';
      const fact = `field ${number} at byte ${from} has ${size} bytes, ${room} ${Math.max(end - start, 0)} more`;
      this.fail(fact, 'HEADER_TRUNCATED');
    }
    this.#walked(this.at - from);
    return { number, wire, value, start, end: start + length };
  }

  /** Makes `count` bytes from `at` on available. @throws HEADER_TRUNCATED, HEADER_TOO_LARGE */
  async need(count: number): Promise<void> {
    if (this.#holds(count)) return;
    const { sizeBytes } = this.source;
    if (this.at + count > sizeBytes) {
      this.fail(`${count} bytes are needed at byte ${this.at}, the file ends at ${sizeBytes}`, 'HEADER_TRUNCATED');
    }
    const onward = this.at >= this.#start && this.at <= this.#end + SMALL_JUMP_BYTES;
    this.#pageBytes = onward ? Math.min(this.#pageBytes * PAGE_GROWTH, MAX_PAGE_BYTES) : MIN_PAGE_BYTES;
    const length = Math.min(Math.max(count, this.#pageBytes), sizeBytes - this.at);
    const page = await this.source.read(this.at, length);
    // A million tensors take a hundred megabytes of pages, which the collector would keep until much later.
    this.#page.buffer.transfer(0);
    this.#page = Buffer.from(page.buffer);
    this.digest.update(page);
    this.#view = new DataView(this.#page.buffer);
    this.#start = this.at;
    this.#end = this.at + length;
  }

  /**
   * The text of a length-delimited field, at once when it is there already.
   * @throws NAME_INVALID above the limit or when it is not UTF-8
   */
  text(field: Field, limitBytes: number, what: string): string | Promise<string> {
    this.expect(field, WIRE.bytes);
    const { start } = field;
    const length = field.end - start;
    const where = (): string => `${this.source.name}: ${what} at byte ${start}`;
    limitName(length, limitBytes, where);
    this.at = start;
    this.#walked(length);
    if (!this.#holds(length)) return this.need(length).then(() => this.#text(start, length, where));
    return this.#text(start, length, where);
  }

  /**
   * The content of a length-delimited field whose length the caller has limited; valid until more is fetched. At once
   * when it is there already.
   */
  bytes(field: Field): Uint8Array | Promise<Uint8Array> {
    this.expect(field, WIRE.bytes);
    const length = field.end - field.start;
    this.at = field.start;
    this.#walked(length);
    const content = (): Uint8Array => this.#page.subarray(field.start - this.#start, field.end - this.#start);
    return this.#holds(length) ? content() : this.need(length).then(content);
  }

  /** A varint as int64; its bytes are available. @throws HEADER_INVALID, HEADER_TRUNCATED */
  varint(): number {
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      if (this.at >= this.#end) this.fail(`ends inside a number at byte ${this.at}`, 'HEADER_TRUNCATED');
      const byte = this.#page[this.at++ - this.#start] ?? 0;
      const bits = byte & 0x7f;
      if (index < 4) low += bits * 2 ** (7 * index);
      else if (index === 4) {
        low += (bits & 15) * 2 ** 28;
        high += bits >> 4;
      } else if (index < 9) high += bits * 2 ** (7 * index - 32);
      // The tenth byte has bit 63 only.
      else high += (bits & 1) * 2 ** 31;
      if (byte < 0x80) return (high | 0) * 2 ** 32 + low;
    }
    return this.fail(`a number at byte ${this.at - 10} has more than 10 bytes`);
  }

  /** @throws HEADER_INVALID */
  expect(field: Field, wire: number): void {
    if (field.wire === wire) return;
    this.fail(`field ${field.number} at byte ${field.start} has the wire type ${field.wire}, expected ${wire}`);
  }

  float32(): number {
    return this.#view.getFloat32(this.at - this.#start, true);
  }

  float64(): number {
    return this.#view.getFloat64(this.at - this.#start, true);
  }

  fail(fact: string, code: ErrorCode = 'HEADER_INVALID'): never {
    throw new QuantscopeError(code, `${this.source.name}: ${fact}`);
  }

  #text(start: number, length: number, where: () => string): string {
    const from = start - this.#start;
    const to = from + length;
    let at = from;
    while (at < to && (this.#page[at] as number) < 0x80) at++;
    // Nearly all names: several times faster than decoding UTF-8.
    if (at === to) return this.#page.toString('latin1', from, to);
    return decodeName(this.#page.subarray(from, to), where);
  }

  #holds(count: number): boolean {
    return this.at >= this.#start && this.at + count <= this.#end;
  }

  #walked(bytes: number): void {
    this.#walkedBytes += bytes;
    if (this.#walkedBytes <= MAX_ONNX_STRUCTURE_BYTES) return;
    this.fail(`the graph has more than ${MAX_ONNX_STRUCTURE_BYTES} bytes beside its data`, 'HEADER_TOO_LARGE');
  }
}

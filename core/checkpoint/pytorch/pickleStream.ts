// Pickles and raw bytes that follow each other in a range of a file: how long a pickle is, only running it tells.

import { createHash, type Hash } from 'node:crypto';
import { QuantscopeError } from '../../base/errors.ts';
import { MAX_PICKLE_BYTES } from '../../base/limits.ts';
import type { ByteSource } from '../../io/byteSource.ts';
import { PickleEndMissing } from './pickleCursor.ts';
import type { PickleContext } from './pickleMachine.ts';
import type { PickleValue } from './pickleValue.ts';
import { unpickle } from './unpickle.ts';

/** First read of a stream: the small pickles before a state dict, or a small one whole. */
const FIRST_WINDOW_BYTES = 1 << 14;
/** Storages shorter than this are read over together; the lengths of longer ones are read alone. */
const NEAR_BYTES = 1 << 12;

export interface StreamRange {
  /** Base name of the file. */
  readonly file: string;
  /** Of an archive; null when the stream is the file. */
  readonly entry: string | null;
  readonly begin: number;
  readonly end: number;
}

export class PickleStream {
  /** Absolute offset of what comes next. */
  at: number;
  readonly #source: ByteSource;
  readonly #range: StreamRange;
  readonly #context: Omit<PickleContext, 'place'>;
  readonly #hash: Hash = createHash('sha256');
  #window: Uint8Array = new Uint8Array(0);
  #windowAt: number;
  #pickleBytes = 0;
  #skippedBytes = 0;

  constructor(source: ByteSource, range: StreamRange, context: Omit<PickleContext, 'place'>) {
    this.#source = source;
    this.#range = range;
    this.#context = context;
    this.at = range.begin;
    this.#windowAt = range.begin;
  }

  /** File, and entry of an archive, for messages. */
  get name(): string {
    const { file, entry } = this.#range;
    return entry === null ? file : `${file}: ${entry}`;
  }

  /** Bytes of all pickles read. */
  get pickleBytes(): number {
    return this.#pickleBytes;
  }

  /** SHA-256 of all pickles read. */
  digest(): Uint8Array {
    return this.#hash.copy().digest();
  }

  get isAtEnd(): boolean {
    return this.at >= this.#range.end;
  }

  /** Interprets the next pickle. @throws what unpickle throws, HEADER_TRUNCATED when the range ends before it */
  async pickle(): Promise<PickleValue> {
    // A window too small is read again four times as large, and the pickle run again: a third more work at most.
    for (let wanted = FIRST_WINDOW_BYTES; ; ) {
      await this.#fill(wanted);
      const begin = this.at - this.#windowAt;
      try {
        const { value, end } = unpickle(this.#window, begin, {
          ...this.#context,
          place: { file: this.#range.file, entry: this.#range.entry, base: this.#windowAt },
        });
        this.#hash.update(this.#window.subarray(begin, end));
        this.#pickleBytes += end - begin;
        this.at = this.#windowAt + end;
        return value;
      } catch (error) {
        if (!(error instanceof PickleEndMissing)) throw error;
        const needed = error.wantedBytes - begin;
        if (this.at + needed > this.#range.end) this.#truncated('a pickle', needed);
        wanted = Math.min(MAX_PICKLE_BYTES, Math.max(needed, 4 * (this.#window.length - begin)));
      }
    }
  }

  /** `length` bytes as they are. @throws HEADER_TRUNCATED when the range ends before them */
  async take(length: number): Promise<DataView> {
    if (this.at + length > this.#range.end) this.#truncated('the header', length);
    await this.#fill(length, this.#skippedBytes < NEAR_BYTES ? NEAR_BYTES : 0);
    const from = this.#window.byteOffset + this.at - this.#windowAt;
    this.at += length;
    return new DataView(this.#window.buffer, from, length);
  }

  /** A little-endian i64 that is a count or a size. @throws HEADER_INVALID when negative or beyond 2^53 */
  async count(what: string): Promise<number> {
    const value = (await this.take(8)).getBigInt64(0, true);
    if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw new QuantscopeError('HEADER_INVALID', `${this.name}: ${what} is ${value} (before byte ${this.at})`);
  }

  /** Passes over raw data without reading it. @throws FILE_TRUNCATED when the range ends before it */
  skip(length: number, what: () => string): void {
    this.at += length;
    this.#skippedBytes = length;
    if (this.at <= this.#range.end) return;
    const { end } = this.#range;
    throw new QuantscopeError('FILE_TRUNCATED', `${this.name}: ${what()} ends at byte ${this.at}, the data at ${end}`);
  }

  /** Makes `wanted` bytes from `at` on available, or all there are; when it has to read, `ahead` bytes at once. */
  async #fill(wanted: number, ahead = 0): Promise<void> {
    const end = Math.min(this.#range.end, this.at + wanted);
    const windowEnd = this.#windowAt + this.#window.length;
    if (this.at >= this.#windowAt && end <= windowEnd) return;
    const readEnd = Math.min(this.#range.end, Math.max(end, this.at + ahead));
    this.#window = await this.#source.read(this.at, readEnd - this.at);
    this.#windowAt = this.at;
  }

  #truncated(what: string, needed: number): never {
    const { end } = this.#range;
    const fact = `${what} at byte ${this.at} needs ${needed} bytes at least, the data end at byte ${end}`;
    throw new QuantscopeError('HEADER_TRUNCATED', `${this.name}: ${fact}`);
  }
}

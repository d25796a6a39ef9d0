// Synchronous ranged reads inside DEFLATE streams, for worker threads: onward reads continue, backward ones start again.
// node:zlib streams only asynchronously, and its synchronous calls want the whole stream in memory; fflate does neither,
// at about 100 MB/s for trained weights (zlib: 400).

import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { Inflate } from 'fflate';
import { QuantscopeError } from '../base/errors.ts';
import { fileError } from './fileErrors.ts';
import { readInto } from './fileReader.ts';

/** Compressed bytes taken at a time: what they inflate to, 1032 times as much at worst, is held until it is asked for. */
const PIECE_BYTES = 1 << 14;
/** A task reads a tensor or two at a time; each stream keeps a window of 32 kB and what it is ahead. */
const MAX_STREAMS = 4;
/** A stored block needs 64 kB before any of it comes out; nothing an encoder writes needs more. */
const MAX_SILENT_BYTES = 8 * PIECE_BYTES;

/** Streams of this thread, least recently used first. */
const streams = new Map<string, InflatedStream>();

/**
 * Fills `view` with inflated bytes, from byte `at` of the stream on.
 *
 * @param offset absolute position in the file of a raw DEFLATE stream (RFC 1951) of `compressedBytes`
 * @param inflatedBytes what the stream must inflate to, no more and no less
 * @throws ARCHIVE_INVALID when the stream is broken, or shorter or longer than told; FILE_TRUNCATED, FILE_UNREADABLE
 */
export function readInflatedInto(
  path: string,
  offset: number,
  compressedBytes: number,
  inflatedBytes: number,
  at: number,
  view: Uint8Array,
): void {
  if (view.length === 0) return;
  // The stream outlives the task it was opened for, so it must not outlive the file.
  const key = `${path}\0${offset}\0${compressedBytes}\0${inflatedBytes}\0${identityOf(path)}`;
  const kept = streams.get(key);
  streams.delete(key);
  const stream =
    kept !== undefined && kept.position <= at ? kept : new InflatedStream(path, offset, compressedBytes, inflatedBytes);
  stream.read(at, view);
  // Only streams in a good state get here, and one read to its end can only start again.
  if (stream.position === inflatedBytes) return;
  const [oldest] = streams.keys();
  if (streams.size >= MAX_STREAMS && oldest !== undefined) streams.delete(oldest);
  streams.set(key, stream);
}

function identityOf(path: string): string {
  try {
    const { dev, ino, size, mtimeMs } = statSync(path);
    return `${dev}:${ino}:${size}:${mtimeMs}`;
  } catch (error) {
    throw fileError(path, error, 'looking it up');
  }
}

class InflatedStream {
  /** Inflated bytes already given away. */
  position = 0;
  readonly #path: string;
  readonly #offset: number;
  readonly #compressedBytes: number;
  readonly #inflatedBytes: number;
  readonly #inflate: Inflate;
  /** Compressed bytes fed to the decoder. */
  #taken = 0;
  /** Inflated bytes that came out, given away or not. */
  #produced = 0;
  /** What came out last, and how much of it was given away. */
  #ahead: Uint8Array = new Uint8Array(0);
  #aheadUsed = 0;
  /** Compressed bytes since anything came out. */
  #silentBytes = 0;

  constructor(path: string, offset: number, compressedBytes: number, inflatedBytes: number) {
    this.#path = path;
    this.#offset = offset;
    this.#compressedBytes = compressedBytes;
    this.#inflatedBytes = inflatedBytes;
    this.#inflate = new Inflate((bytes) => {
      this.#ahead = bytes;
      this.#aheadUsed = 0;
    });
  }

  read(at: number, view: Uint8Array): void {
    if (at + view.length > this.#inflatedBytes) this.#fail(`bytes ${at} to ${at + view.length} were asked for`);
    this.#give(at - this.position, null);
    this.#give(view.length, view);
    if (this.position === this.#inflatedBytes) this.#finish();
  }

  /** Moves on by `count` bytes, into `view` unless they are skipped. */
  #give(count: number, view: Uint8Array | null): void {
    for (let done = 0; done < count; ) {
      if (this.#aheadUsed === this.#ahead.length) this.#advance();
      const step = Math.min(count - done, this.#ahead.length - this.#aheadUsed);
      view?.set(this.#ahead.subarray(this.#aheadUsed, this.#aheadUsed + step), done);
      this.#aheadUsed += step;
      this.position += step;
      done += step;
    }
  }

  /** Inflates the next piece. */
  #advance(): void {
    const left = this.#compressedBytes - this.#taken;
    if (left === 0) this.#fail(`it ends after ${this.#produced}`);
    const piece = new Uint8Array(Math.min(PIECE_BYTES, left));
    readInto(this.#path, this.#offset + this.#taken, piece);
    this.#taken += piece.length;
    try {
      this.#inflate.push(piece, piece.length === left);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error), error);
    }
    this.#produced += this.#ahead.length;
    if (this.#produced > this.#inflatedBytes) this.#fail('it goes on after them');
    this.#silentBytes = this.#ahead.length > 0 ? 0 : this.#silentBytes + piece.length;
    // The decoder keeps what it cannot use: data after the end of the stream must not pile up there.
    if (this.#silentBytes > MAX_SILENT_BYTES) this.#fail(`it ends after ${this.#produced}, or nearly so`);
  }

  /** All bytes were given away; what is left of the compressed ones must be the end of the stream, some bits. */
  #finish(): void {
    const left = this.#compressedBytes - this.#taken;
    if (left > PIECE_BYTES) this.#fail(`${left} compressed bytes are left after them`);
    if (left > 0) this.#advance();
  }

  #fail(fact: string, cause?: unknown): never {
    const where = `the DEFLATE stream at byte ${this.#offset}`;
    const claim = `should inflate to ${this.#inflatedBytes} bytes from ${this.#compressedBytes}`;
    throw new QuantscopeError('ARCHIVE_INVALID', `${basename(this.#path)}: ${where} ${claim}: ${fact}`, { cause });
  }
}

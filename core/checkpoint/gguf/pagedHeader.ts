// A GGUF header has no length: its bytes are fetched page by page as the parser walks, and kept in one buffer.

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_GGUF_HEADER_BYTES } from '../../base/limits.ts';
import type { ByteSource } from '../../io/byteSource.ts';

/** First page: holds a whole header without a vocabulary. */
const FIRST_PAGE_BYTES = 64 * 1024;
/** Later pages double up to this, so that little of the data is read beyond the header. */
const MAX_PAGE_BYTES = 1024 * 1024;

export class PagedHeader {
  readonly source: ByteSource;
  /** Byte order of every number; known once the version is read. */
  littleEndian = true;
  /** Position of the parser. */
  at = 0;
  /** Bytes fetched; `bytes` and `view` may be longer. */
  loaded = 0;
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** Bytes of the file after the position. */
  get left(): number {
    return this.source.sizeBytes - this.at;
  }

  /**
   * Makes `count` bytes from `at` on available. Callers on hot paths test `at + count <= loaded` first.
   *
   * @throws HEADER_TRUNCATED when the file ends earlier, HEADER_TOO_LARGE
   */
  async need(count: number): Promise<void> {
    const end = this.at + count;
    if (end <= this.loaded) return;
    const { name, sizeBytes } = this.source;
    if (!(end <= sizeBytes)) throw this.truncated(count);
    if (end > MAX_GGUF_HEADER_BYTES) {
      throw new QuantscopeError('HEADER_TOO_LARGE', `${name}: the header exceeds ${MAX_GGUF_HEADER_BYTES} bytes`);
    }
    const page = Math.min(Math.max(this.loaded, FIRST_PAGE_BYTES), MAX_PAGE_BYTES);
    const target = Math.min(Math.max(end, this.loaded + page), sizeBytes);
    this.reserve(target);
    this.bytes.set(await this.source.read(this.loaded, target - this.loaded), this.loaded);
    this.loaded = target;
  }

  async u32(): Promise<number> {
    if (this.at + 4 > this.loaded) await this.need(4);
    const value = this.view.getUint32(this.at, this.littleEndian);
    this.at += 4;
    return value;
  }

  /** As a number: exact up to 2^53, then rounded, which every limit refuses. */
  async u64(): Promise<number> {
    if (this.at + 8 > this.loaded) await this.need(8);
    const value = u64At(this.view, this.at, this.littleEndian);
    this.at += 8;
    return value;
  }

  /** As `need`, as far as the file goes: for the `loaded…` methods, which do not wait. */
  async prefetch(count: number): Promise<void> {
    await this.need(Math.min(count, this.left, MAX_GGUF_HEADER_BYTES - this.at));
  }

  loadedU32(): number {
    return this.view.getUint32(this.move(4), this.littleEndian);
  }

  /** As `u64`. */
  loadedU64(): number {
    return u64At(this.view, this.move(8), this.littleEndian);
  }

  /** A view of the buffer: valid until more is fetched. */
  loadedBytes(length: number): Uint8Array {
    const start = this.move(length);
    return this.bytes.subarray(start, start + length);
  }

  /** @returns the position, which moves on. @throws HEADER_TRUNCATED when fewer bytes were fetched */
  private move(count: number): number {
    const start = this.at;
    if (start + count > this.loaded) throw this.truncated(count);
    this.at += count;
    return start;
  }

  private truncated(count: number): QuantscopeError {
    const { name, sizeBytes } = this.source;
    const fact = `the header needs ${count} bytes at byte ${this.at}, the file ends at ${sizeBytes}`;
    return new QuantscopeError('HEADER_TRUNCATED', `${name}: ${fact}`);
  }

  /** Frees the bytes at once: up to 256 MB, which the collector would keep until much later. */
  release(): void {
    this.bytes.buffer.transfer(0);
    this.bytes = new Uint8Array(0);
    this.view = new DataView(this.bytes.buffer);
    this.loaded = 0;
  }

  private reserve(length: number): void {
    if (length <= this.bytes.length) return;
    const size = Math.min(Math.max(length, this.bytes.length * 2), this.source.sizeBytes);
    this.bytes = new Uint8Array(this.bytes.buffer.transfer(size));
    this.view = new DataView(this.bytes.buffer);
  }
}

/** Exact up to 2^53, then rounded. */
export function u64At(view: DataView, at: number, littleEndian: boolean): number {
  const low = view.getUint32(littleEndian ? at : at + 4, littleEndian);
  const high = view.getUint32(littleEndian ? at + 4 : at, littleEndian);
  return low + high * 2 ** 32;
}

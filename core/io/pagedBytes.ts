// Random small reads of one file in whole pages, for formats whose headers are scattered over the file.

import type { ByteSource } from './byteSource.ts';

const PAGE_BYTES = 1 << 13;
/** 8 MB: headers of the largest files of such formats fit, hostile ones cannot make it grow. */
const MAX_PAGES = 1024;

export class PagedBytes {
  readonly source: ByteSource;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** A copy of `length` bytes from `offset` on. @throws FILE_TRUNCATED, FILE_UNREADABLE, CANCELLED */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const first = Math.floor(offset / PAGE_BYTES);
    const last = Math.floor((offset + length - 1) / PAGE_BYTES);
    // More than some pages at once are read as they are; an impossible range gets the source's own error.
    if (!(length > 0 && last - first < 8 && offset + length <= this.source.sizeBytes))
      return this.source.read(offset, length);
    const out = new Uint8Array(length);
    for (let page = first; page <= last; page++) {
      const bytes = await this.#page(page);
      const from = Math.max(offset, page * PAGE_BYTES);
      const to = Math.min(offset + length, (page + 1) * PAGE_BYTES);
      out.set(bytes.subarray(from - page * PAGE_BYTES, to - page * PAGE_BYTES), from - offset);
    }
    return out;
  }

  async #page(page: number): Promise<Uint8Array> {
    const known = this.#pages.get(page);
    if (known !== undefined) return known;
    const at = page * PAGE_BYTES;
    const bytes = await this.source.read(at, Math.min(PAGE_BYTES, this.source.sizeBytes - at));
    const [oldest] = this.#pages.keys();
    if (this.#pages.size >= MAX_PAGES && oldest !== undefined) this.#pages.delete(oldest);
    this.#pages.set(page, bytes);
    return bytes;
  }
}

// The directory of a zip archive: names, sizes and places of its entries, checked against each other and the file.

import { type ErrorCode, QuantscopeError } from '../../base/errors.ts';
import { shown } from '../../base/jsonObject.ts';
import { MAX_NAME_BYTES } from '../../base/limits.ts';
import type { ByteSource } from '../byteSource.ts';
import { findZipDirectory, readU64, type ZipDirectoryPlace } from './zipEnd.ts';

export interface ZipEntry {
  readonly name: string;
  readonly method: 'stored' | 'deflate';
  /** In the archive. */
  readonly compressedBytes: number;
  /** After inflation. */
  readonly bytes: number;
  readonly crc32: number;
  /** Absolute offset of the local header, which lies before the data. */
  readonly headerOffset: number;
  /** Absolute offset of whatever follows: header and data must end here at the latest. */
  readonly endOffset: number;
}

/** APPNOTE.TXT 4.3.12. */
const RECORD = 0x02014b50;
const RECORD_BYTES = 46;
/** APPNOTE.TXT 4.3.7: the local header, without name and extra field. */
export const LOCAL_HEADER_BYTES = 30;
/** APPNOTE.TXT 4.4.4: encrypted (0), patched data (5), strong encryption (6), masked directory (13). */
export const REFUSED_FLAGS = 0b0010_0000_0110_0001;
const METHODS: Readonly<Record<number, ZipEntry['method']>> = { 0: 'stored', 8: 'deflate' };
/** Tag of the extra field with 64-bit sizes (4.5.3). */
const ZIP64_EXTRA = 1;
/** RFC 1951: at best, two bits copy 258 bytes. */
const MAX_DEFLATE_RATIO = (258 * 8) / 2;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/**
 * The directory read last, as long as memory is not wanted for something else: formats that share this container each
 * look into it to find out, and the one that it is opens the file again.
 */
let last: { readonly identity: string; readonly entries: WeakRef<readonly ZipEntry[]> } | null = null;

/** Whether a file's first bytes are a local header, or the end record of an empty archive. */
export function beginsLikeZip(head: Uint8Array): boolean {
  if (head[0] !== 0x50 || head[1] !== 0x4b) return false;
  return (head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6);
}

/**
 * All entries in the order of the directory. Names are unique; entries do not overlap and lie inside the file; no size
 * is beyond what the stored bytes can inflate to.
 *
 * @throws ARCHIVE_INVALID, COUNT_LIMIT, HEADER_TOO_LARGE, DUPLICATE_NAME, NAME_INVALID and what reading throws
 */
export async function readZipDirectory(source: ByteSource): Promise<readonly ZipEntry[]> {
  const identity = `${source.path}\0${source.sizeBytes}\0${source.modifiedMs}`;
  const known = last?.identity === identity ? last.entries.deref() : undefined;
  if (known !== undefined) return known;
  const place = await findZipDirectory(source);
  const bytes = await source.read(place.begin, place.bytes);
  const entries = new RecordReader(source.name, bytes, place).entries();
  setEnds(source.name, entries, place.begin);
  last = { identity, entries: new WeakRef(entries) };
  return entries;
}

type MutableEntry = { -readonly [Key in keyof ZipEntry]: ZipEntry[Key] };

/** Walks the records of one directory. */
class RecordReader {
  private readonly file: string;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly place: ZipDirectoryPlace;
  private at = 0;

  constructor(file: string, bytes: Uint8Array<ArrayBuffer>, place: ZipDirectoryPlace) {
    this.file = file;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
    this.place = place;
  }

  entries(): MutableEntry[] {
    const entries: MutableEntry[] = [];
    const names = new Set<string>();
    for (let index = 0; index < this.place.entries; index++) {
      const entry = this.entry(index);
      names.add(entry.name);
      if (names.size === index) this.fail(`the entry ${shown(entry.name)} appears twice`, 'DUPLICATE_NAME');
      entries.push(entry);
    }
    const left = this.bytes.length - this.at;
    if (left > 0) this.fail(`${left} bytes of the directory belong to none of its ${entries.length} entries`);
    return entries;
  }

  private entry(index: number): MutableEntry {
    const { view, at } = this;
    if (at + RECORD_BYTES > this.bytes.length || view.getUint32(at, true) !== RECORD) {
      this.fail(`entry ${index} of ${this.place.entries} has no record in the directory`);
    }
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const end = at + RECORD_BYTES + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (end > this.bytes.length) this.fail(`the record of entry ${index} runs beyond the directory`);
    const nameEnd = at + RECORD_BYTES + nameBytes;
    const name = this.name(index, at + RECORD_BYTES, nameEnd);
    if ((view.getUint16(at + 8, true) & REFUSED_FLAGS) !== 0) this.fail(`the entry ${shown(name)} is encrypted`);
    const method = METHODS[view.getUint16(at + 10, true)];
    if (method === undefined) {
      const number = view.getUint16(at + 10, true);
      return this.fail(`the entry ${shown(name)} is compressed by method ${number}, only 0 and 8 (deflate) are read`);
    }
    const sizes = this.sizes(name, nameEnd, nameEnd + extraBytes);
    if (sizes.disk !== 0) this.fail(`the entry ${shown(name)} lies on disk ${sizes.disk} of several`);
    this.checkSizes(name, method, sizes);
    this.at = end;
    const { bytes, compressedBytes } = sizes;
    const headerOffset = this.place.prefix + sizes.headerOffset;
    return { name, method, compressedBytes, bytes, crc32: view.getUint32(at + 16, true), headerOffset, endOffset: 0 };
  }

  private name(index: number, begin: number, end: number): string {
    const length = end - begin;
    const invalid = (fact: string): never => this.fail(`the name of entry ${index} ${fact}`, 'NAME_INVALID');
    if (length === 0) return invalid('is empty');
    if (length > MAX_NAME_BYTES) return invalid(`has ${length} bytes, limit ${MAX_NAME_BYTES}`);
    const bytes = this.bytes.subarray(begin, end);
    if (bytes.includes(0)) return invalid('holds a NUL character');
    try {
      return strictUtf8.decode(bytes);
    } catch {
      return invalid('is not valid UTF-8');
    }
  }

  /** Fields of 32 bits that are saturated stand in the zip64 extra field, in this order (4.5.3). */
  private sizes(name: string, extraBegin: number, extraEnd: number) {
    const { view, at } = this;
    let bytes = view.getUint32(at + 24, true);
    let compressedBytes = view.getUint32(at + 20, true);
    let headerOffset = view.getUint32(at + 42, true);
    let disk = view.getUint16(at + 34, true);
    if (bytes === 0xffffffff || compressedBytes === 0xffffffff || headerOffset === 0xffffffff || disk === 0xffff) {
      let { begin, end } = this.zip64Extra(name, extraBegin, extraEnd);
      const take = (length: 4 | 8): number => {
        if (begin + length > end) this.fail(`the entry ${shown(name)} has too short a zip64 field`);
        begin += length;
        return length === 8 ? readU64(view, begin - 8) : view.getUint32(begin - 4, true);
      };
      if (bytes === 0xffffffff) bytes = take(8);
      if (compressedBytes === 0xffffffff) compressedBytes = take(8);
      if (headerOffset === 0xffffffff) headerOffset = take(8);
      if (disk === 0xffff) disk = take(4);
    }
    return { bytes, compressedBytes, headerOffset, disk };
  }

  private zip64Extra(name: string, extraBegin: number, extraEnd: number): { begin: number; end: number } {
    for (let begin = extraBegin; begin + 4 <= extraEnd; ) {
      const end = begin + 4 + this.view.getUint16(begin + 2, true);
      if (end > extraEnd) break;
      if (this.view.getUint16(begin, true) === ZIP64_EXTRA) return { begin: begin + 4, end };
      begin = end;
    }
    return this.fail(`the entry ${shown(name)} has 64-bit sizes, but no zip64 field`);
  }

  private checkSizes(
    name: string,
    method: ZipEntry['method'],
    { bytes, compressedBytes }: { bytes: number; compressedBytes: number },
  ): void {
    if (method === 'stored' ? bytes === compressedBytes : bytes <= compressedBytes * MAX_DEFLATE_RATIO) return;
    const limit = method === 'stored' ? compressedBytes : `${compressedBytes} · ${MAX_DEFLATE_RATIO}`;
    const fact = `claims ${bytes} bytes, its ${compressedBytes} stored bytes (${method}) can hold ${limit}`;
    this.fail(`the entry ${shown(name)} ${fact}`);
  }

  private fail(fact: string, code: ErrorCode = 'ARCHIVE_INVALID'): never {
    throw new QuantscopeError(code, `${this.file}: ${fact}`);
  }
}

/**
 * Overlapping entries make small archives inflate without bound (Fifield, "A better zip bomb", 2019). Local extra fields
 * are not known yet; `endOffset` lets zipDataOffset check the rest.
 */
function setEnds(file: string, entries: readonly MutableEntry[], directoryBegin: number): void {
  const inOrder = entries.toSorted((a, b) => a.headerOffset - b.headerOffset);
  inOrder.forEach((entry, at) => {
    const next = inOrder[at + 1];
    entry.endOffset = next?.headerOffset ?? directoryBegin;
    const end = entry.headerOffset + LOCAL_HEADER_BYTES + entry.name.length + entry.compressedBytes;
    if (end <= entry.endOffset) return;
    const follower = next === undefined ? 'the directory' : shown(next.name);
    const fact = `reaches byte ${end}, ${follower} begins at ${entry.endOffset}`;
    throw new QuantscopeError('ARCHIVE_INVALID', `${file}: the entry ${shown(entry.name)} ${fact}`);
  });
}

// The end of a zip archive: where its directory lies (APPNOTE.TXT 4.3.14 – 4.3.16, zip64 included).

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_ZIP_DIRECTORY_BYTES, MAX_ZIP_ENTRIES } from '../../base/limits.ts';
import type { ByteSource } from '../byteSource.ts';

export interface ZipDirectoryPlace {
  /** Absolute offset of the first directory record. */
  readonly begin: number;
  readonly bytes: number;
  readonly entries: number;
  /** Bytes before the archive: every offset it holds counts from here. */
  readonly prefix: number;
}

const END = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const LOCATOR = 0x07064b50;
const LOCATOR_BYTES = 20;
const END64 = 0x06064b50;
const END64_BYTES = 56;
/** Record and locator of zip64 directly before the end record. */
const ZIP64_BYTES = END64_BYTES + LOCATOR_BYTES;
/** A directory record without its name. */
const MIN_RECORD_BYTES = 46;

/** What an end record says, in either size. */
interface EndRecord {
  /** Absolute offset of the record itself: the directory ends here. */
  readonly at: number;
  readonly disk: number;
  readonly directoryDisk: number;
  readonly entriesHere: number;
  readonly entries: number;
  readonly bytes: number;
  readonly offset: number;
}

/** @throws ARCHIVE_INVALID, COUNT_LIMIT, HEADER_TOO_LARGE */
export async function findZipDirectory(source: ByteSource): Promise<ZipDirectoryPlace> {
  const { name } = source;
  const end = await findEnd(source);
  const { at, bytes, entries, offset, disk, directoryDisk, entriesHere } = (await findEnd64(source, end)) ?? end;
  if (disk !== 0 || directoryDisk !== 0 || entriesHere !== entries) {
    const fact = `the archive spans several disks (this is number ${disk}, with ${entriesHere} of ${entries} entries)`;
    throw new QuantscopeError('ARCHIVE_INVALID', `${name}: ${fact}, one is needed`);
  }
  const begin = at - bytes;
  const prefix = begin - offset;
  if (!(begin >= 0 && prefix >= 0)) {
    const fact = `the directory claims ${bytes} bytes from byte ${offset} on, but must end at byte ${at}`;
    throw new QuantscopeError('ARCHIVE_INVALID', `${name}: ${fact}`);
  }
  if (entries > MAX_ZIP_ENTRIES || entries * MIN_RECORD_BYTES > bytes) {
    const limit = `limit ${MAX_ZIP_ENTRIES} and what a directory of ${bytes} bytes can hold`;
    throw new QuantscopeError('COUNT_LIMIT', `${name}: the archive claims ${entries} entries, ${limit}`);
  }
  if (bytes > MAX_ZIP_DIRECTORY_BYTES) {
    const fact = `the directory of the archive has ${bytes} bytes, limit ${MAX_ZIP_DIRECTORY_BYTES}`;
    throw new QuantscopeError('HEADER_TOO_LARGE', `${name}: ${fact}`);
  }
  return { begin, bytes, entries, prefix };
}

/** The last end record whose comment ends with the file: any other choice lets two readers see two archives. */
async function findEnd(source: ByteSource): Promise<EndRecord> {
  const { sizeBytes } = source;
  const length = Math.min(sizeBytes, END_BYTES + MAX_COMMENT_BYTES);
  const bytes = await source.read(sizeBytes - length, length);
  const view = new DataView(bytes.buffer);
  for (let at = length - END_BYTES; at >= 0; at--) {
    if (bytes[at] !== 0x50 || view.getUint32(at, true) !== END) continue;
    if (at + END_BYTES + view.getUint16(at + 20, true) !== length) continue;
    return {
      at: sizeBytes - length + at,
      disk: view.getUint16(at + 4, true),
      directoryDisk: view.getUint16(at + 6, true),
      entriesHere: view.getUint16(at + 8, true),
      entries: view.getUint16(at + 10, true),
      bytes: view.getUint32(at + 12, true),
      offset: view.getUint32(at + 16, true),
    };
  }
  const fact = 'the archive has no end record: it is cut off, or followed by foreign bytes';
  throw new QuantscopeError('ARCHIVE_INVALID', `${source.name}: ${fact}`);
}

/**
 * The zip64 record, when its locator stands before the end record. Writers put it directly before the locator; no other
 * place is tried, because a prefix would leave the locator's own offset ambiguous.
 */
async function findEnd64(source: ByteSource, end: EndRecord): Promise<EndRecord | null> {
  if (end.at < ZIP64_BYTES) return null;
  const at = end.at - ZIP64_BYTES;
  const view = new DataView((await source.read(at, ZIP64_BYTES)).buffer);
  if (view.getUint32(END64_BYTES, true) !== LOCATOR) return null;
  const invalid = (fact: string): never => {
    throw new QuantscopeError('ARCHIVE_INVALID', `${source.name}: ${fact}`);
  };
  if (view.getUint32(0, true) !== END64 || readU64(view, 4) !== END64_BYTES - 12) {
    return invalid(`no zip64 end record of ${END64_BYTES} bytes lies before its locator at byte ${at + END64_BYTES}`);
  }
  if (view.getUint32(END64_BYTES + 16, true) > 1) return invalid('the archive spans several disks');
  const large: EndRecord = {
    at,
    disk: view.getUint32(16, true),
    directoryDisk: view.getUint32(20, true),
    entriesHere: readU64(view, 24),
    entries: readU64(view, 32),
    bytes: readU64(view, 40),
    offset: readU64(view, 48),
  };
  const agrees = (small: number, big: number, saturated: number): boolean => small === saturated || small === big;
  if (
    agrees(end.entries, large.entries, 0xffff) &&
    agrees(end.bytes, large.bytes, 0xffffffff) &&
    agrees(end.offset, large.offset, 0xffffffff)
  ) {
    return large;
  }
  const small = `${end.entries} entries, ${end.bytes} bytes from byte ${end.offset} on`;
  const big = `${large.entries} entries, ${large.bytes} bytes from byte ${large.offset} on`;
  return invalid(`the end records contradict each other: ${small}; zip64: ${big}`);
}

/** Exact up to 2^53, then rounded: far beyond any file, so that comparisons with its size still refuse it. */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

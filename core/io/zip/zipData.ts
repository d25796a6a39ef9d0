// The bytes of a zip archive's entries: where they lie, and small ones whole.

import { constants, crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { QuantscopeError } from '../../base/errors.ts';
import { shown } from '../../base/jsonObject.ts';
import type { ByteSource } from '../byteSource.ts';
import { readNearby } from '../nearbyReads.ts';
import { LOCAL_HEADER_BYTES, REFUSED_FLAGS, type ZipEntry } from './zipDirectory.ts';

/** APPNOTE.TXT 4.3.7. */
const LOCAL_HEADER = 0x04034b50;
/** Beginnings of entries are inflated by the thousand, and zlib's usual buffer is much larger than they are. */
const START_CHUNK_BYTES = 2048;

/**
 * Absolute offset of an entry's first stored byte, told by its local header.
 *
 * @throws ARCHIVE_INVALID when the local header contradicts the directory, or the data would reach what follows
 */
export async function zipDataOffset(source: ByteSource, entry: ZipEntry): Promise<number> {
  const nameBytes = Buffer.from(entry.name);
  const header = await source.read(entry.headerOffset, LOCAL_HEADER_BYTES + nameBytes.length);
  return dataOffset(source.name, entry, header);
}

/** As zipDataOffset for many entries, in their order: local headers near each other are read together. */
export async function zipDataOffsets(source: ByteSource, entries: readonly ZipEntry[]): Promise<number[]> {
  const offsets = new Array<number>(entries.length).fill(0);
  const ranges = entries.map(({ headerOffset, name }) => {
    return { offset: headerOffset, bytes: LOCAL_HEADER_BYTES + Buffer.byteLength(name) };
  });
  await readNearby(source, ranges, (header, index) => {
    offsets[index] = dataOffset(source.name, entries[index] as ZipEntry, header);
  });
  return offsets;
}

/** As zipDataOffset, from bytes already read: at least the local header with its name. */
export function dataOffset(file: string, entry: ZipEntry, header: Uint8Array): number {
  const fail = (fact: string): never => {
    const where = `the entry ${shown(entry.name)} at byte ${entry.headerOffset}`;
    throw new QuantscopeError('ARCHIVE_INVALID', `${file}: ${where} ${fact}`);
  };
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const name = Buffer.from(entry.name);
  if (view.getUint32(0, true) !== LOCAL_HEADER) return fail('has no local header');
  if ((view.getUint16(6, true) & REFUSED_FLAGS) !== 0) return fail('is encrypted');
  if (view.getUint16(8, true) !== (entry.method === 'stored' ? 0 : 8)) return fail('is not compressed as listed');
  const localName = header.subarray(LOCAL_HEADER_BYTES, LOCAL_HEADER_BYTES + name.length);
  if (view.getUint16(26, true) !== name.length || name.compare(localName) !== 0) {
    return fail('has another name in its local header');
  }
  const offset = entry.headerOffset + LOCAL_HEADER_BYTES + name.length + view.getUint16(28, true);
  const end = offset + entry.compressedBytes;
  if (end > entry.endOffset) return fail(`ends at byte ${end}, what follows begins at ${entry.endOffset}`);
  return offset;
}

/**
 * A whole entry, inflated, its checksum compared.
 *
 * @param limitBytes largest size accepted, stored or inflated
 * @throws HEADER_TOO_LARGE above the limit, ARCHIVE_INVALID
 */
export async function readZipEntry(source: ByteSource, entry: ZipEntry, limitBytes: number): Promise<Uint8Array> {
  const where = `${source.name}: the entry ${shown(entry.name)}`;
  const largest = Math.max(entry.bytes, entry.compressedBytes);
  if (largest > limitBytes) {
    throw new QuantscopeError('HEADER_TOO_LARGE', `${where} has ${largest} bytes, limit ${limitBytes}`);
  }
  const stored = await source.read(await zipDataOffset(source, entry), entry.compressedBytes);
  const bytes = entry.method === 'stored' ? stored : await inflateWhole(where, entry, stored);
  if (crc32(bytes) !== entry.crc32) {
    throw new QuantscopeError('ARCHIVE_INVALID', `${where} does not have the checksum the directory tells`);
  }
  return bytes;
}

async function inflateWhole(where: string, entry: ZipEntry, stored: Uint8Array): Promise<Uint8Array> {
  const fail = (fact: string, cause?: unknown): never => {
    throw new QuantscopeError('ARCHIVE_INVALID', `${where} ${fact}`, { cause });
  };
  const bytes = new Uint8Array(entry.bytes);
  let done = 0;
  const stream = createInflateRaw();
  stream.end(stored);
  try {
    for await (const chunk of stream) {
      if (done + chunk.length > bytes.length) return fail(`inflates to more than the ${bytes.length} bytes listed`);
      bytes.set(chunk, done);
      done += chunk.length;
    }
  } catch (error) {
    if (error instanceof QuantscopeError) throw error;
    return fail(`cannot be inflated (${error instanceof Error ? error.message : String(error)})`, error);
  }
  if (done < bytes.length) return fail(`inflates to ${done} bytes, the directory lists ${bytes.length}`);
  const unused = stored.length - stream.bytesWritten;
  if (unused > 0) return fail(`has ${unused} bytes after its compressed data`);
  return bytes;
}

/**
 * What the first bytes of a deflated entry inflate to: at least some bytes of it, when at least some hundred are given.
 *
 * @param where file and entry, for the message
 * @throws ARCHIVE_INVALID
 */
export function inflateStart(stored: Uint8Array, where: () => string): Uint8Array {
  try {
    return inflateRawSync(stored, { finishFlush: constants.Z_SYNC_FLUSH, chunkSize: START_CHUNK_BYTES });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new QuantscopeError('ARCHIVE_INVALID', `${where()} cannot be inflated (${reason})`, { cause: error });
  }
}

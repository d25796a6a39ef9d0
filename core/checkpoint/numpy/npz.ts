// .npz archives: every entry NAME.npy is an array, stored as it is or deflated. Reads the directory and the headers.

import { createHash } from 'node:crypto';
import { QuantscopeError } from '../../base/errors.ts';
import { MAX_TENSORS } from '../../base/limits.ts';
import type { ByteSource } from '../../io/byteSource.ts';
import { readNearby } from '../../io/nearbyReads.ts';
import { dataOffset, inflateStart, zipDataOffset } from '../../io/zip/zipData.ts';
import { LOCAL_HEADER_BYTES, readZipDirectory, type ZipEntry } from '../../io/zip/zipDirectory.ts';
import type { StoredTensor } from '../format.ts';
import { quoteName } from '../tensorName.ts';
import { ArrayNotes } from './arrayNotes.ts';
import { NPY_PREAMBLE_BYTES, NPY_USUAL_HEADER_BYTES, NpyHeaders, npyHeaderBytes } from './npyHeader.ts';
import { npyTensor } from './npyTensor.ts';

const ARRAY = '.npy';
/** Extra fields of local headers: NumPy reserves 20 bytes for zip64, other writers align data with up to 64. */
const USUAL_EXTRA_BYTES = 84;
/** DEFLATE puts the codes of a block before its data: at most 320 bytes (RFC 1951, 3.2.7). */
const CODES_BYTES = 320;

export interface NpzArrays {
  readonly tensors: readonly StoredTensor[];
  readonly warnings: readonly string[];
  readonly headerDigest: Uint8Array;
}

/** 'all': every entry is an array. Folders do not count. @throws as readZipDirectory */
export async function arraysInArchive(source: ByteSource): Promise<'all' | 'some' | 'none'> {
  const entries = (await readZipDirectory(source)).filter(({ name }) => !name.endsWith('/'));
  const arrays = entries.filter(isArray).length;
  if (arrays === 0) return 'none';
  return arrays === entries.length ? 'all' : 'some';
}

/** @throws every code of core/io/zip, npyHeader.ts and npyTensor.ts; COUNT_LIMIT, TENSOR_GAP */
export async function readNpz(source: ByteSource, file: number): Promise<NpzArrays> {
  const listed = await readZipDirectory(source);
  const entries = listed.filter(isArray);
  if (entries.length > MAX_TENSORS) {
    throw new QuantscopeError('COUNT_LIMIT', `${source.name}: ${entries.length} arrays, limit ${MAX_TENSORS}`);
  }
  const tensors = new Array<StoredTensor | null>(entries.length).fill(null);
  const notes = new ArrayNotes(source.name);
  const headers = new NpyHeaders();
  const long: number[] = [];
  const read = (index: number, offset: number, head: Uint8Array): void => {
    const tensor = tensorOf(entries[index] as ZipEntry, { source, file, offset, notes, headers }, head);
    if (tensor === 'needs more') long.push(index);
    else tensors[index] = tensor;
  };
  const ranges = entries.map(startOf);
  await readNearby(source, ranges, (bytes, index) => {
    const entry = entries[index] as ZipEntry;
    const offset = dataOffset(source.name, entry, bytes);
    read(index, offset, bytes.subarray(offset - entry.headerOffset));
  });
  // Longer headers than any plain array has, and long extra fields: one by one.
  for (const index of long.splice(0)) {
    const entry = entries[index] as ZipEntry;
    const offset = await zipDataOffset(source, entry);
    const first = await source.read(offset, Math.min(entry.compressedBytes, NPY_USUAL_HEADER_BYTES + CODES_BYTES));
    const head = contentOf(source, entry, first);
    const wanted = npyHeaderBytes(head, () => describe(source, entry)) + CODES_BYTES;
    const length = Math.min(entry.compressedBytes, Math.max(first.length, wanted));
    read(index, offset, await source.read(offset, length));
  }
  const [cut] = long;
  if (cut !== undefined) {
    const where = describe(source, entries[cut] as ZipEntry);
    throw new QuantscopeError('HEADER_TRUNCATED', `${where} ends before its header does`);
  }
  const others = listed.filter((entry) => !isArray(entry) && !entry.name.endsWith('/'));
  const found = tensors.filter((tensor) => tensor !== null);
  return { tensors: found, warnings: [...notes.warnings(), ...foreign(source, others)], headerDigest: digest(listed) };
}

interface Reading {
  readonly source: ByteSource;
  readonly file: number;
  /** Of the entry's first stored byte. */
  readonly offset: number;
  readonly notes: ArrayNotes;
  readonly headers: NpyHeaders;
}

/** @param stored the entry's first stored bytes */
function tensorOf(entry: ZipEntry, { source, file, offset, notes, headers }: Reading, stored: Uint8Array) {
  const where = (): string => describe(source, entry);
  const head = contentOf(source, entry, stored.subarray(0, entry.compressedBytes));
  if (head.length < Math.min(NPY_PREAMBLE_BYTES, entry.bytes)) return 'needs more' as const;
  const headerBytes = npyHeaderBytes(head, where);
  if (headerBytes > head.length) return 'needs more' as const;
  const header = headers.parse(head.subarray(0, headerBytes), where);
  const plain = { file, offset, bytes: entry.bytes };
  const extent = entry.method === 'stored' ? plain : { ...plain, deflated: entry.compressedBytes };
  const name = entry.name.slice(0, -ARRAY.length);
  const array = npyTensor(header, { name, extent }, where);
  if ('unreadable' in array) {
    notes.add(`left out: ${array.unreadable}`, name);
    return null;
  }
  const extra = entry.bytes - headerBytes - array.tensor.bytes;
  if (extra > 0) throw new QuantscopeError('TENSOR_GAP', `${where()} has ${extra} bytes after its last element`);
  if (array.guess !== undefined) notes.add(array.guess, name);
  return array.tensor;
}

function contentOf(source: ByteSource, entry: ZipEntry, stored: Uint8Array): Uint8Array {
  return entry.method === 'stored' ? stored : inflateStart(stored, () => describe(source, entry));
}

/** The local header, and enough of the data for the header of a plain array. */
function startOf(entry: ZipEntry): { offset: number; bytes: number } {
  const before = LOCAL_HEADER_BYTES + Buffer.byteLength(entry.name) + USUAL_EXTRA_BYTES;
  const data = NPY_USUAL_HEADER_BYTES + (entry.method === 'stored' ? 0 : CODES_BYTES);
  return { offset: entry.headerOffset, bytes: Math.min(before + data, entry.endOffset - entry.headerOffset) };
}

function isArray({ name }: ZipEntry): boolean {
  return name.endsWith(ARRAY);
}

function foreign(source: ByteSource, others: readonly ZipEntry[]): string[] {
  const [first] = others;
  if (first === undefined) return [];
  const fact = `${others.length} of its entries are no arrays and are not read, the first is ${quoteName(first.name)}`;
  return [`${source.name}: ${fact}`];
}

/** The directory's checksums stand for the contents. */
function digest(entries: readonly ZipEntry[]): Uint8Array {
  const hash = createHash('sha256');
  for (const { name, bytes, crc32, headerOffset } of entries)
    hash.update(`${name}\0${bytes}\0${crc32}\0${headerOffset}\0`);
  return hash.digest();
}

function describe(source: ByteSource, entry: ZipEntry): string {
  return `${source.name}: the array ${quoteName(entry.name)}`;
}

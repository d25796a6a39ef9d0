// Zip archives: directories of every legal shape, data found through local headers, small entries whole.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openByteSource } from '../../../core/io/byteSource.ts';
import { readZipEntry, zipDataOffset, zipDataOffsets } from '../../../core/io/zip/zipData.ts';
import { beginsLikeZip, readZipDirectory } from '../../../core/io/zip/zipDirectory.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import {
  directoryRecord,
  type FixtureArchive,
  type FixtureEntry,
  localPart,
  zipBytes,
  zipEnd,
} from '../../fixtures/writeZip.ts';

const folder = temporaryFolder();
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const ENTRIES: readonly FixtureEntry[] = [
  { name: 'a.txt', data: text('stored as it is') },
  { name: 'böse/ßub.txt', data: text('deflated '.repeat(100)), deflate: true },
  { name: 'empty', data: new Uint8Array(0) },
];

async function open(bytes: Uint8Array) {
  const path = join(folder, 'archive.zip');
  writeFileSync(path, bytes);
  return openByteSource(path);
}

async function contents(bytes: Uint8Array): Promise<Record<string, string>> {
  await using source = await open(bytes);
  const found: Record<string, string> = {};
  for (const entry of await readZipDirectory(source)) {
    found[entry.name] = new TextDecoder().decode(await readZipEntry(source, entry, 10_000));
  }
  return found;
}

const code = (bytes: Uint8Array): Promise<unknown> => contents(bytes).catch((error: unknown) => error);
const EXPECTED = { 'a.txt': 'stored as it is', 'böse/ßub.txt': 'deflated '.repeat(100), empty: '' };

describe('archives that are right', () => {
  const shapes: Readonly<Record<string, [Partial<FixtureEntry>, FixtureArchive]>> = {
    plain: [{}, {}],
    'bytes before the archive': [{}, { prefix: text('#!/bin/sh\n'.repeat(9)) }],
    'a comment holding an end record': [{}, { comment: concat(text('PK\x05\x06'), new Uint8Array(300)) }],
    'the longest comment': [{}, { comment: new Uint8Array(0xffff).fill(0x50) }],
    'zip64 end records': [{}, { zip64: true }],
    'zip64 sizes': [{ zip64: true }, { zip64: true }],
    'zip64 after a prefix': [{ zip64: true }, { zip64: true, prefix: new Uint8Array(77) }],
    'padding in local extra fields': [{ localExtra: new Uint8Array(61) }, {}],
    'foreign extra fields': [{ extra: Uint8Array.of(0x55, 0x54, 5, 0, 3, 1, 2, 3, 4) }, {}],
  };
  test.each(Object.entries(shapes))('%s', async (_, [change, archive]) => {
    expect(
      await contents(
        zipBytes(
          ENTRIES.map((entry) => ({ ...entry, ...change })),
          archive,
        ),
      ),
    ).toEqual(EXPECTED);
  });

  test('no entry at all', async () => {
    const bytes = zipBytes([]);
    expect(await contents(bytes)).toEqual({});
    expect(beginsLikeZip(bytes)).toBe(true);
  });

  test('facts of an entry', async () => {
    const bytes = zipBytes(ENTRIES, { prefix: new Uint8Array(5) });
    await using source = await open(bytes);
    const [first, second] = await readZipDirectory(source);
    if (first === undefined || second === undefined) throw new Error('two entries expected');
    expect(first).toMatchObject({ name: 'a.txt', method: 'stored', bytes: 15, compressedBytes: 15, headerOffset: 5 });
    expect(await zipDataOffset(source, first)).toBe(5 + 30 + 5);
    expect(first.endOffset).toBe(second.headerOffset);
    expect(second.compressedBytes).toBeLessThan(second.bytes);
  });

  test('the directory is read once for one source', async () => {
    await using source = await open(zipBytes(ENTRIES));
    const first = await readZipDirectory(source);
    const { bytesRead } = source;
    expect(await readZipDirectory(source)).toBe(first);
    expect(source.bytesRead).toBe(bytesRead);
  });
});

describe('archives that are wrong', () => {
  const first = ENTRIES[0] as FixtureEntry;
  const second = ENTRIES[1] as FixtureEntry;
  const one = (change: Partial<FixtureEntry>, archive: FixtureArchive = {}) =>
    zipBytes([{ ...first, ...change }], archive);
  const cases: Readonly<Record<string, [string, () => Uint8Array]>> = {
    'cut off': ['ARCHIVE_INVALID', () => zipBytes(ENTRIES).subarray(0, -1)],
    'followed by foreign bytes': ['ARCHIVE_INVALID', () => zipBytes(ENTRIES, { trailing: text('more') })],
    'shorter than an end record': ['ARCHIVE_INVALID', () => text('PK\x05\x06')],
    'several disks': ['ARCHIVE_INVALID', () => one({}, { end: { disk: 1 } })],
    'entries on other disks': ['ARCHIVE_INVALID', () => one({}, { end: { entriesHere: 0 } })],
    'entry on another disk': ['ARCHIVE_INVALID', () => one({ claims: { disk: 3 } })],
    'directory beyond the file': ['ARCHIVE_INVALID', () => one({}, { end: { offset: 0xfffffff0 } })],
    'directory larger than the file': ['ARCHIVE_INVALID', () => one({}, { end: { bytes: 0xfffffff0 } })],
    'zip64 directory of 2^63 bytes': ['ARCHIVE_INVALID', () => one({}, { zip64: true, end: { bytes: 2 ** 63 } })],
    'zip64 with 2^63 entries': ['COUNT_LIMIT', () => one({}, { zip64: true, end: { entries: 2 ** 63 } })],
    'more entries than fit': ['COUNT_LIMIT', () => one({}, { end: { entries: 2 } })],
    'fewer entries than there are': ['ARCHIVE_INVALID', () => zipBytes(ENTRIES, { end: { entries: 2 } })],
    'one name twice': ['DUPLICATE_NAME', () => zipBytes([first, first])],
    'a name with NUL': ['NAME_INVALID', () => one({ name: 'a\0b' })],
    'a name that is not UTF-8': ['NAME_INVALID', () => one({ name: Uint8Array.of(0xff, 0xfe) })],
    'a name with a surrogate': ['NAME_INVALID', () => one({ name: Uint8Array.of(0xed, 0xa0, 0x80) })],
    'no name': ['NAME_INVALID', () => one({ name: '' })],
    'a name too long': ['NAME_INVALID', () => one({ name: 'n'.repeat(1025) })],
    encrypted: ['ARCHIVE_INVALID', () => one({ claims: { flags: 1 } })],
    'strongly encrypted': ['ARCHIVE_INVALID', () => one({ claims: { flags: 0x41 } })],
    bzip2: ['ARCHIVE_INVALID', () => one({ claims: { method: 12 } })],
    'stored, two sizes': ['ARCHIVE_INVALID', () => one({ claims: { bytes: 14 } })],
    'more than deflate can hold': ['ARCHIVE_INVALID', () => one({ deflate: true, claims: { bytes: 1e9 } })],
    'zip64 sizes missing': ['ARCHIVE_INVALID', () => one({ claims: { bytes: 0xffffffff } })],
    'zip64 field cut': ['ARCHIVE_INVALID', () => one({ zip64: true, extra: Uint8Array.of(1, 0, 4, 0, 1, 2, 3, 4) })],
    'zip64 offset of 2^63': ['ARCHIVE_INVALID', () => one({ zip64: true, claims: { headerOffset: 2 ** 63 } })],
    'data beyond the directory': ['ARCHIVE_INVALID', () => one({ claims: { bytes: 5000, compressedBytes: 5000 } })],
    'two entries, one place': ['ARCHIVE_INVALID', () => zipBytes([first, { ...second, claims: { headerOffset: 0 } }])],
    'an entry inside another': ['ARCHIVE_INVALID', () => zipBytes([first, { ...second, claims: { headerOffset: 9 } }])],
    'no local header': ['ARCHIVE_INVALID', () => one({ localSignature: 0x04034b51 })],
    'another name in the local header': ['ARCHIVE_INVALID', () => one({ localName: 'b.txt' })],
    'a longer name in the local header': ['ARCHIVE_INVALID', () => one({ localName: 'a.txt2' })],
    'another method in the local header': ['ARCHIVE_INVALID', () => one({ localMethod: 8 })],
    'data pushed into the next entry': [
      'ARCHIVE_INVALID',
      () => {
        const bytes = zipBytes(ENTRIES);
        bytes[28] = 1;
        return bytes;
      },
    ],
    'a wrong checksum': ['ARCHIVE_INVALID', () => one({ claims: { crc32: 1 } })],
    'inflates to more': ['ARCHIVE_INVALID', () => one({ deflate: true, claims: { bytes: 14 } })],
    'inflates to less': ['ARCHIVE_INVALID', () => one({ deflate: true, claims: { bytes: 16 } })],
    'not DEFLATE': ['ARCHIVE_INVALID', () => one({ deflate: true, stored: new Uint8Array(20).fill(0xff) })],
    'DEFLATE that ends too early': ['ARCHIVE_INVALID', () => one({ deflate: true, stored: Uint8Array.of(1, 9, 0) })],
    'an entry above the limit': ['HEADER_TOO_LARGE', () => one({ data: new Uint8Array(10_001) })],
  };
  test.each(Object.entries(cases))('%s', async (_, [expected, bytes]) => {
    expect(await code(bytes())).toMatchObject({ code: expected });
  });
});

test('a million entries', async () => {
  const count = 1_000_000;
  await using source = await open(emptyEntries(count));
  const before = process.cpuUsage();
  const found = await readZipDirectory(source);
  const offsets = await zipDataOffsets(source, found);
  // Of the processor: about two seconds.
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(10e6);
  expect(found.length).toBe(count);
  const last = found[count - 1];
  expect(last?.name).toBe('model/data/0999999');
  expect(offsets[count - 1]).toBe((last?.headerOffset ?? 0) + 30 + 18);
}, 60_000);

/** Entries without data, their records copied and numbered. */
function emptyEntries(count: number): Uint8Array {
  const name = (at: number): string => `model/data/${String(at).padStart(7, '0')}`;
  const local = localPart({ name: name(0), data: new Uint8Array(0) });
  const record = directoryRecord({ name: name(0), data: new Uint8Array(0) }, 0);
  const bytes = Buffer.alloc(count * (local.length + record.length));
  for (let at = 0; at < count; at++) {
    const header = at * local.length;
    const listed = count * local.length + at * record.length;
    bytes.set(local, header);
    bytes.set(record, listed);
    bytes.write(name(at), header + 30, 'latin1');
    bytes.write(name(at), listed + 46, 'latin1');
    bytes.writeUInt32LE(header, listed + 42);
  }
  const directory = { entries: count, directoryBytes: count * record.length, offset: count * local.length };
  return Buffer.concat([bytes, zipEnd(directory, { zip64: true })]);
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  return new Uint8Array([...a, ...b]);
}

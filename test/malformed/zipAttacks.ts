// One zip archive per way to be wrong, bombs included; NumPy archives, since every entry of those is looked into.

import { deflateRawSync } from 'node:zlib';
import type { ErrorCode } from '../../core/base/errors.ts';
import { joinNpy, npyBytes } from '../fixtures/writeNpy.ts';
import { concatenate } from '../fixtures/writeSafetensors.ts';
import {
  directoryRecord,
  type FixtureArchive,
  type FixtureEntry,
  localPart,
  zipBytes,
  zipEnd,
} from '../fixtures/writeZip.ts';
import { type Attack, fileAttack } from './attack.ts';

const FILE = 'model.npz';
/** A local header with a name of nine characters. */
const HEADER_BYTES = 30 + 9;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const array = (name: string): FixtureEntry => ({
  name: `${name}.npy`,
  data: npyBytes({ descr: '<f4', shape: [4, 8], data: new Float32Array(32) }),
});
const good = (): Uint8Array => zipBytes([array('a'), array('b')]);

function bytes(name: string, code: ErrorCode, build: () => Uint8Array): Attack {
  return fileAttack(name, code, FILE, build);
}

/** An archive of one array, changed. */
function one(name: string, code: ErrorCode, change: Partial<FixtureEntry>, archive: FixtureArchive = {}): Attack {
  return bytes(name, code, () => zipBytes([{ ...array('a'), ...change }], archive));
}

/** Zeros as DEFLATE likes them best: a thousandth of their size. */
const zeros = (count: number): Uint8Array => deflateRawSync(new Uint8Array(count), { level: 9 });

/**
 * The overlap of Fifield, "A better zip bomb" (2019): a stored block at the begin of each entry quotes the local header
 * of the next, so that every stream goes on into the kernel that all share.
 */
function quotedOverlap(entries: number): Uint8Array {
  const kernelBytes = 1_000_000;
  const kernel = zeros(kernelBytes);
  const quote = Uint8Array.of(0, HEADER_BYTES, 0, ~HEADER_BYTES & 255, 255);
  const step = HEADER_BYTES + quote.length;
  const locals: Uint8Array[] = [];
  const records: Uint8Array[] = [];
  for (let at = 0; at < entries; at++) {
    const after = entries - 1 - at;
    const entry: FixtureEntry = {
      name: `${String(at).padStart(5, '0')}.npy`,
      data: new Uint8Array(0),
      deflate: true,
      stored: after === 0 ? kernel : quote,
      claims: { bytes: kernelBytes + after * HEADER_BYTES, compressedBytes: kernel.length + after * step },
    };
    locals.push(localPart(entry));
    records.push(directoryRecord(entry, at * step));
  }
  const body = concatenate(locals);
  const directory = concatenate(records);
  return concatenate([body, directory, zipEnd({ entries, directoryBytes: directory.length, offset: body.length }, {})]);
}

/** Every entry is the same bytes. */
function fullOverlap(entries: number): Uint8Array {
  const shared: FixtureEntry = { name: '0000.npy', data: new Uint8Array(1_000_000), deflate: true };
  const local = localPart(shared);
  const directory = concatenate(
    Array.from({ length: entries }, (_, at) =>
      directoryRecord({ ...shared, stored: zeros(1_000_000), name: `${String(at).padStart(4, '0')}.npy` }, 0),
    ),
  );
  return concatenate([
    local,
    directory,
    zipEnd({ entries, directoryBytes: directory.length, offset: local.length }, {}),
  ]);
}

/** Archives in archives: the innermost would inflate to terabytes. */
function nested(depth: number): Uint8Array {
  let inner: Uint8Array = new Uint8Array(1_000_000);
  for (let level = 0; level < depth; level++) {
    const data = inner;
    inner = zipBytes(Array.from({ length: 4 }, (_, at) => ({ name: `${at}.npy`, data, deflate: true })));
  }
  return inner;
}

export const ZIP_ATTACKS: readonly Attack[] = [
  // Bombs
  bytes('zip-bomb-nested', 'HEADER_INVALID', () => nested(5)),
  bytes('zip-bomb-full-overlap', 'ARCHIVE_INVALID', () => fullOverlap(500)),
  bytes('zip-bomb-quoted-overlap', 'ARCHIVE_INVALID', () => quotedOverlap(200)),
  bytes('zip-bomb-zeros', 'HEADER_INVALID', () =>
    zipBytes([{ name: 'a.npy', data: new Uint8Array(64_000_000), deflate: true }]),
  ),
  one('zip-bomb-claims-petabytes', 'ARCHIVE_INVALID', { deflate: true, zip64: true, claims: { bytes: 2 ** 50 } }),
  one('zip-bomb-lying-small', 'TENSOR_OVERRUN', { deflate: true, claims: { bytes: 140 } }),
  one('zip-bomb-lying-large', 'TENSOR_GAP', { deflate: true, claims: { bytes: 1_000 } }),
  bytes('zip-quine-like', 'HEADER_INVALID', () => {
    const itself = good();
    return zipBytes([{ name: 'model.npy', data: itself, stored: itself }]);
  }),
  bytes('zip-silent-blocks', 'HEADER_INVALID', () => {
    // Empty stored blocks: DEFLATE that goes on without giving anything.
    const stored = new Uint8Array(1_000_000);
    for (let at = 0; at < stored.length; at += 5) stored.set([0, 0, 0, 0xff, 0xff], at);
    return zipBytes([{ ...array('a'), deflate: true, stored }]);
  }),

  // The end of the archive
  bytes('zip-cut', 'ARCHIVE_INVALID', () => good().subarray(0, -1)),
  bytes('zip-half', 'ARCHIVE_INVALID', () => good().subarray(0, 300)),
  bytes('zip-local-header-only', 'ARCHIVE_INVALID', () => text('PK\x03\x04')),
  one('zip-trailing', 'ARCHIVE_INVALID', {}, { trailing: text('x') }),
  one('zip-two-disks', 'ARCHIVE_INVALID', {}, { end: { disk: 1 } }),
  one('zip-directory-beyond-file', 'ARCHIVE_INVALID', {}, { end: { offset: 0xfffffff0 } }),
  one('zip-directory-larger-than-file', 'ARCHIVE_INVALID', {}, { end: { bytes: 0xfffffff0 } }),
  one('zip-directory-2^63', 'ARCHIVE_INVALID', {}, { zip64: true, end: { bytes: 2 ** 63 } }),
  one('zip-directory-inside-data', 'ARCHIVE_INVALID', {}, { end: { bytes: 60 } }),
  one('zip-entries-2^63', 'COUNT_LIMIT', {}, { zip64: true, end: { entries: 2 ** 63 } }),
  one('zip-entries-65535', 'COUNT_LIMIT', {}, { end: { entries: 65_535 } }),
  one('zip-entries-0', 'ARCHIVE_INVALID', {}, { end: { entries: 0 } }),
  bytes('zip-end-records-disagree', 'ARCHIVE_INVALID', () => {
    const archive = zipBytes([array('a')], { zip64: true });
    new DataView(archive.buffer).setUint16(archive.length - 22 + 10, 2, true);
    return archive;
  }),

  // Entries
  bytes('zip-name-twice', 'DUPLICATE_NAME', () => zipBytes([array('a'), array('a')])),
  one('zip-name-nul', 'NAME_INVALID', { name: 'a\0.npy' }),
  one('zip-name-not-utf8', 'NAME_INVALID', { name: Uint8Array.of(0xc3, 0x28, 0x2e) }),
  one('zip-name-empty', 'NAME_INVALID', { name: '' }),
  one('zip-name-too-long', 'NAME_INVALID', { name: `${'n'.repeat(2000)}.npy` }),
  one('zip-encrypted', 'ARCHIVE_INVALID', { claims: { flags: 1 } }),
  one('zip-lzma', 'ARCHIVE_INVALID', { claims: { method: 14 } }),
  one('zip-offset-2^63', 'ARCHIVE_INVALID', { zip64: true, claims: { headerOffset: 2 ** 63 } }),
  one('zip-offset-inside-data', 'ARCHIVE_INVALID', { claims: { headerOffset: 40 } }),
  one('zip-size-beyond-file', 'ARCHIVE_INVALID', { claims: { bytes: 1e6, compressedBytes: 1e6 } }),
  one('zip-zip64-field-missing', 'ARCHIVE_INVALID', { claims: { bytes: 0xffffffff, compressedBytes: 0xffffffff } }),
  one('zip-local-name-differs', 'ARCHIVE_INVALID', { localName: 'b.npy' }),
  one('zip-local-method-differs', 'ARCHIVE_INVALID', { localMethod: 8 }),
  bytes('zip-local-header-missing', 'ARCHIVE_INVALID', () =>
    zipBytes([array('a'), { ...array('b'), localSignature: 0 }]),
  ),
  one('zip-not-deflate', 'ARCHIVE_INVALID', { deflate: true, stored: new Uint8Array(200).fill(0xff) }),
  bytes('zip-entry-not-an-array', 'HEADER_INVALID', () => zipBytes([{ name: 'a.npy', data: text('not an array') }])),
  bytes('zip-entry-empty', 'HEADER_INVALID', () => zipBytes([{ name: 'a.npy', data: new Uint8Array(0) }])),
  fileAttack('zip-of-nothing-known', 'FORMAT_UNKNOWN', 'model.zip', () => zipBytes([{ name: 'a', data: text('a') }])),
  bytes('zip-header-longer-than-entry', 'HEADER_TRUNCATED', () =>
    zipBytes([{ name: 'a.npy', data: joinNpy("{'descr': '<f4'", new Uint8Array(0)).subarray(0, 60) }]),
  ),
];

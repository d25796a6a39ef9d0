// Small ranges of a file: each arrives whole, near ones by one read, far ones without what lies between.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openByteSource } from '../../../core/io/byteSource.ts';
import { type ByteRange, readNearby } from '../../../core/io/nearbyReads.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const path = join(temporaryFolder(), 'file');
const FILE = Uint8Array.from({ length: 3_000_000 }, (_, at) => (at * at) >>> 5);
writeFileSync(path, FILE);

async function read(ranges: readonly ByteRange[]) {
  await using source = await openByteSource(path);
  const found: Uint8Array[] = [];
  await readNearby(source, ranges, (bytes, index) => {
    found[index] = bytes.slice();
  });
  return { found, bytesRead: source.bytesRead };
}

test('ranges in any order, overlapping or apart', async () => {
  const range = fc
    .tuple(fc.nat(FILE.length), fc.nat(60_000))
    .map(([offset, bytes]) => ({ offset, bytes: Math.min(bytes, FILE.length - offset) }));
  await fc.assert(
    fc.asyncProperty(fc.array(range, { maxLength: 60 }), async (ranges) => {
      const { found } = await read(ranges);
      expect(found.length).toBe(ranges.length);
      ranges.forEach(({ offset, bytes }, at) => {
        expect(Buffer.compare(found[at] ?? new Uint8Array(1), FILE.subarray(offset, offset + bytes))).toBe(0);
      });
    }),
    { numRuns: 40, seed: 3 },
  );
});

test('what lies between near ranges is read, between far ones not', async () => {
  const near = await read([
    { offset: 5000, bytes: 100 },
    { offset: 1000, bytes: 100 },
  ]);
  expect(near.bytesRead).toBe(4100);
  const far = await read([
    { offset: 2_000_000, bytes: 100 },
    { offset: 1000, bytes: 100 },
  ]);
  expect(far.bytesRead).toBe(200);
});

test('a range beyond the file', async () => {
  await expect(read([{ offset: FILE.length - 5, bytes: 6 }])).rejects.toMatchObject({ code: 'FILE_TRUNCATED' });
});

// Reads inside DEFLATE streams: any order of reads gives what zlib gives; broken streams are refused, in bounded memory.

import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isQuantscopeError } from '../../../core/base/errors.ts';
import { closeReaders } from '../../../core/io/fileReader.ts';
import { readInflatedInto } from '../../../core/io/inflatedReader.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const folder = temporaryFolder();
const PREFIX_BYTES = 13;
let files = 0;

/** A stream with foreign bytes around it, as in an archive. */
function write(stream: Uint8Array): string {
  files += 1;
  const path = join(folder, `stream-${files}`);
  writeFileSync(path, Buffer.concat([new Uint8Array(PREFIX_BYTES).fill(0xaa), stream, new Uint8Array(9).fill(0x55)]));
  return path;
}

function reader(stream: Uint8Array, inflatedBytes: number): (at: number, length: number) => Uint8Array {
  const path = write(stream);
  return (at, length) => {
    const view = new Uint8Array(length);
    readInflatedInto(path, PREFIX_BYTES, stream.length, inflatedBytes, at, view);
    return view;
  };
}

/** Float32 weights of which half the bits carry something: matches, literals and long runs all occur. */
function weights(count: number): Uint8Array {
  const values = Float32Array.from({ length: count }, (_, at) => (at % 5000 < 900 ? 0 : Math.sin(at * at) * 0.02));
  const bytes = new Uint8Array(values.buffer);
  for (let at = 0; at < bytes.length; at += 4) bytes[at] = 0;
  return bytes;
}

const DATA = weights(300_000);
const STREAMS = {
  fast: deflateRawSync(DATA, { level: 1 }),
  best: deflateRawSync(DATA, { level: 9 }),
  stored: deflateRawSync(DATA, { level: 0 }),
  'fixed codes': deflateRawSync(DATA, { strategy: constants.Z_FIXED }),
  'literals only': deflateRawSync(DATA, { strategy: constants.Z_HUFFMAN_ONLY }),
  'small window': deflateRawSync(DATA, { windowBits: 9 }),
};

describe.each(Object.entries(STREAMS))('%s', (_, stream) => {
  test('onward in steps of all sizes', () => {
    const read = reader(stream, DATA.length);
    let at = 0;
    for (let step = 1; at < DATA.length; step = Math.ceil(step * 1.7)) {
      const length = Math.min(step, DATA.length - at);
      expect(Buffer.compare(read(at, length), DATA.subarray(at, at + length)), `byte ${at}`).toBe(0);
      at += length;
    }
  });

  test('in any order, with other streams between', () => {
    const reads = [0, 1, 2, 3, 4, 5].map(() => reader(stream, DATA.length));
    const range = fc.tuple(fc.nat(5), fc.nat(DATA.length - 1), fc.nat(70_000));
    fc.assert(
      fc.property(range, ([which, at, wanted]) => {
        const length = Math.min(wanted, DATA.length - at);
        const found = reads[which]?.(at, length) ?? new Uint8Array(0);
        expect(Buffer.compare(found, DATA.subarray(at, at + length))).toBe(0);
      }),
      { numRuns: 30, seed: 7 },
    );
  });
});

test('reads continue when descriptors were closed between', () => {
  const read = reader(STREAMS.best, DATA.length);
  read(0, 100_000);
  closeReaders();
  expect(Buffer.compare(read(100_000, 100_000), DATA.subarray(100_000, 200_000))).toBe(0);
});

test('another file of the same name starts again', () => {
  const path = write(STREAMS.stored);
  const view = new Uint8Array(1000);
  readInflatedInto(path, PREFIX_BYTES, STREAMS.stored.length, DATA.length, 0, view);
  const { mtime, atime } = statSync(path);
  const other = Uint8Array.from(DATA, (byte) => byte ^ 0xff);
  const stream = deflateRawSync(other, { level: 0 });
  expect(stream.length).toBe(STREAMS.stored.length);
  writeFileSync(path, Buffer.concat([new Uint8Array(PREFIX_BYTES), stream, new Uint8Array(9)]));
  utimesSync(path, atime, new Date(mtime.getTime() + 10));
  closeReaders();
  readInflatedInto(path, PREFIX_BYTES, stream.length, DATA.length, 1000, view);
  expect(Buffer.compare(view, other.subarray(1000, 2000))).toBe(0);
});

describe('refused', () => {
  const end = DATA.length;
  const cases: Readonly<Record<string, () => unknown>> = {
    'ends early': () => reader(deflateRawSync(DATA.subarray(0, 5000)), 6000)(4000, 2000),
    'ends early, last byte': () => reader(deflateRawSync(DATA.subarray(0, 5000)), 5001)(5000, 1),
    'goes on': () => reader(STREAMS.best, end - 1)(end - 10, 9),
    'goes on beyond a whole piece': () => reader(STREAMS.best, 1000)(0, 1000),
    'cut off': () => reader(STREAMS.best.subarray(0, -100), end)(0, end),
    'cut off by one byte': () => reader(STREAMS.best.subarray(0, -1), end)(0, end),
    'bytes after its end': () => reader(Buffer.concat([STREAMS.best, new Uint8Array(1 << 20)]), end + 1)(0, end + 1),
    'many bytes after its end': () => reader(Buffer.concat([STREAMS.best, new Uint8Array(1 << 20)]), end)(0, end),
    'unknown block type': () => reader(new Uint8Array(1000).fill(0xff), 1000)(0, 10),
    'distance before the beginning': () => reader(Uint8Array.of(0x63, 0x00, 0x42, 0x00, 0x00), 1000)(0, 10),
    'asked beyond its end': () => reader(STREAMS.best, end)(end - 5, 10),
    nothing: () => reader(new Uint8Array(0), 10)(0, 10),
  };
  test.each(Object.entries(cases))('%s', (_, read) => {
    expect(read).toThrow(expect.objectContaining({ code: 'ARCHIVE_INVALID' }));
  });

  test('empty blocks without end take bounded time and memory', () => {
    // Stored blocks of length 0: five bytes each, for 40 MB.
    const silent = new Uint8Array(40_000_000);
    for (let at = 0; at < silent.length; at += 5) silent.set([0, 0, 0, 0xff, 0xff], at);
    const before = process.memoryUsage().arrayBuffers;
    const start = process.cpuUsage();
    expect(() => reader(silent, 1000)(0, 1)).toThrow(expect.objectContaining({ code: 'ARCHIVE_INVALID' }));
    expect(process.cpuUsage(start).user).toBeLessThan(2e6);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(96e6);
  });

  test('a bomb costs what is asked of it', () => {
    const bytes = 2 ** 28;
    const zeros = deflateRawSync(new Uint8Array(bytes), { level: 9 });
    const read = reader(zeros, bytes);
    const start = process.cpuUsage();
    expect(read(0, 1000).some((byte) => byte !== 0)).toBe(false);
    expect(process.cpuUsage(start).user).toBeLessThan(1e6);
  });
});

test('mutated streams give what zlib gives, or are refused', () => {
  const data = DATA.subarray(0, 20_000);
  const seed = deflateRawSync(data);
  let same = 0;
  let refused = 0;
  fc.assert(
    fc.property(fc.nat(seed.length - 1), fc.nat(255), (position, byte) => {
      const stream = Buffer.from(seed);
      stream[position] = byte;
      try {
        const found = reader(stream, data.length)(0, data.length);
        // zlib also checks that codes are complete; what both take must be the same.
        const expected = attempt(() => inflateRawSync(stream));
        if (expected !== null) expect(Buffer.compare(found, expected)).toBe(0);
        same += 1;
      } catch (error) {
        if (!isQuantscopeError(error)) throw error;
        expect(error.code).toBe('ARCHIVE_INVALID');
        refused += 1;
      }
    }),
    { numRuns: 400, seed: 11 },
  );
  expect(same).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(20);
});

test('noise is refused or given, never worse', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 3000 }), (noise) => {
      try {
        reader(noise, 2000)(0, 2000);
      } catch (error) {
        if (!isQuantscopeError(error)) throw error;
      }
    }),
    { numRuns: 200, seed: 13 },
  );
});

function attempt<Value>(action: () => Value): Value | null {
  try {
    return action();
  } catch {
    return null;
  }
}

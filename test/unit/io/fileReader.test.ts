// Synchronous ranged reads: exact bytes, coded failures, descriptors that do not pile up.

import { chmodSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { MAX_CACHED_DESCRIPTORS } from '../../../core/base/limits.ts';
import { openByteSource } from '../../../core/io/byteSource.ts';
import { closeReaders, readInto } from '../../../core/io/fileReader.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const folder = temporaryFolder();
const path = join(folder, 'bytes.bin');
writeFileSync(
  path,
  Uint8Array.from({ length: 1000 }, (_, at) => at % 251),
);
afterEach(closeReaders);

const code = (expected: string) => expect.objectContaining({ code: expected });

describe('readInto', () => {
  test('fills a view inside larger memory and nothing else', () => {
    const memory = new Uint8Array(64).fill(255);
    readInto(path, 300, memory.subarray(10, 20));
    expect([...memory.subarray(9, 21)]).toEqual([255, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 255]);
  });

  test('short reads name the range and the end', () => {
    expect(() => readInto(path, 990, new Uint8Array(20))).toThrowError(code('FILE_TRUNCATED'));
    expect(() => readInto(path, 990, new Uint8Array(20))).toThrowError(
      'bytes.bin: bytes 990 to 1010 wanted, the file ends at byte 1000',
    );
  });

  test('a file cut while open is noticed', () => {
    const shrinking = join(folder, 'shrinking.bin');
    writeFileSync(shrinking, new Uint8Array(100));
    readInto(shrinking, 0, new Uint8Array(100));
    truncateSync(shrinking, 50);
    expect(() => readInto(shrinking, 0, new Uint8Array(100))).toThrowError(code('FILE_TRUNCATED'));
  });

  test('missing files, folders, empty views', () => {
    expect(() => readInto(join(folder, 'none'), 0, new Uint8Array(1))).toThrowError(code('FILE_NOT_FOUND'));
    expect(() => readInto(folder, 0, new Uint8Array(1))).toThrowError(code('FILE_UNREADABLE'));
    expect(() => readInto(folder, 0, new Uint8Array(1))).toThrowError(/EISDIR/);
    readInto(join(folder, 'none'), 0, new Uint8Array(0));
  });

  test('keeps a bounded number of descriptors and closes them', () => {
    const many = join(folder, 'many');
    mkdirSync(many);
    const open = (): number => readdirSync('/proc/self/fd').length;
    if (process.platform !== 'linux') return;
    const before = open();
    const files = Array.from({ length: MAX_CACHED_DESCRIPTORS + 20 }, (_, at) => join(many, `${at}.bin`));
    const view = new Uint8Array(1);
    for (const [at, file] of files.entries()) {
      writeFileSync(file, Uint8Array.of(at));
      readInto(file, 0, view);
      expect(view[0]).toBe(at);
    }
    expect(open() - before).toBe(MAX_CACHED_DESCRIPTORS);
    closeReaders();
    expect(open()).toBe(before);
    readInto(files[3] ?? '', 0, view);
    expect(view[0]).toBe(3);
  });
});

describe('openByteSource', () => {
  test('counts what it reads', async () => {
    await using source = await openByteSource(path);
    expect(source).toMatchObject({ name: 'bytes.bin', sizeBytes: 1000, bytesRead: 0 });
    expect([...(await source.read(5, 3))]).toEqual([5, 6, 7]);
    await source.read(0, 100);
    expect(source.bytesRead).toBe(103);
  });

  test('coded failures', async () => {
    await using source = await openByteSource(path);
    await expect(source.read(999, 2)).rejects.toThrowError(code('FILE_TRUNCATED'));
    await expect(openByteSource(folder)).rejects.toThrowError(code('FILE_UNREADABLE'));
    await expect(openByteSource(join(path, 'below'))).rejects.toThrowError(code('FILE_NOT_FOUND'));
    await expect(openByteSource('a\0b')).rejects.toThrowError(code('FILE_UNREADABLE'));
    await expect(openByteSource(path, AbortSignal.abort())).rejects.toThrowError(code('CANCELLED'));
    const empty = join(folder, 'empty');
    writeFileSync(empty, '');
    await expect(openByteSource(empty)).rejects.toThrowError(code('FILE_EMPTY'));
    // The superuser may read everything.
    if (process.getuid?.() === 0) return;
    const locked = join(folder, 'locked');
    writeFileSync(locked, 'x');
    chmodSync(locked, 0);
    await expect(openByteSource(locked)).rejects.toThrowError(code('FILE_UNREADABLE'));
  });
});

// Tar directories: long names of both kinds, large sizes, what is no file; damage has its place in test/malformed.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openByteSource } from '../../../core/io/byteSource.ts';
import { beginsLikeTar, readTarDirectory } from '../../../core/io/tar.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { tarBytes } from '../../fixtures/writePickle.ts';

const folder = temporaryFolder();
async function directory(bytes: Uint8Array) {
  const path = join(folder, 'a.tar');
  writeFileSync(path, bytes);
  await using source = await openByteSource(path);
  expect(beginsLikeTar(await source.read(0, 512))).toBe(true);
  return await readTarDirectory(source);
}

const data = Buffer.from('data');

describe('tar archives', () => {
  test('files in their order, folders and links left out', async () => {
    const bytes = tarBytes([
      { name: 'folder/', data: new Uint8Array(0), type: '5' },
      { name: 'folder/one', data },
      { name: 'link', data: new Uint8Array(0), type: '2' },
      { name: 'two', data: new Uint8Array(513), type: '\0' },
      { name: 'three', data },
    ]);
    expect(await directory(bytes)).toEqual([
      { name: 'folder/one', offset: 1024, bytes: 4 },
      { name: 'two', offset: 2560, bytes: 513 },
      { name: 'three', offset: 4096, bytes: 4 },
    ]);
  });

  test('long names, of GNU and of POSIX', async () => {
    const long = `${'n'.repeat(150)}/x`;
    const record = `${long.length + 10} path=${long}\n`;
    expect(record.length).toBe(long.length + 10);
    const gnu = tarBytes([
      { name: '././@LongLink', type: 'L', data: Buffer.from(`${long}\0`) },
      { name: 'cut', data },
    ]);
    const posix = tarBytes([
      { name: 'PaxHeader', type: 'x', data: Buffer.from(record) },
      { name: 'cut', data },
    ]);
    for (const bytes of [gnu, posix]) expect((await directory(bytes)).map(({ name }) => name)).toEqual([long]);
  });

  test('sizes as binary numbers', async () => {
    const bytes = tarBytes([{ name: 'a', data }]);
    const header = Buffer.from(bytes.buffer, bytes.byteOffset, 512);
    header.fill(0, 124, 136);
    header[124] = 0x80;
    header[135] = 4;
    header.fill(0x20, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect(await directory(bytes)).toEqual([{ name: 'a', offset: 512, bytes: 4 }]);
  });
});

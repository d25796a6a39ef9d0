// What a thread keeps of files: bounded, and never what a file held before it changed.

import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { MAX_KEPT_BYTES } from '../../../core/base/limits.ts';
import { wholePart } from '../../../core/decode/items.ts';
import { dropKeptBytes, forgetIdentities, keepBytes, keptBytes } from '../../../core/io/keptBytes.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const folder = temporaryFolder();
beforeEach(dropKeptBytes);

it('lets the least recently used go', () => {
  const half = { bytes: new Uint8Array(MAX_KEPT_BYTES / 2), from: 0, to: 1 };
  keepBytes('a', half);
  keepBytes('b', half);
  expect(keptBytes('a')).toBe(half);
  keepBytes('c', { ...half, bytes: new Uint8Array(1) });
  expect(keptBytes('b')).toBeUndefined();
  expect(keptBytes('a')).toBe(half);
  expect(keptBytes('c')?.bytes).toHaveLength(1);
});

it('counts what replaces an entry once', () => {
  const half = { bytes: new Uint8Array(MAX_KEPT_BYTES / 2), from: 0, to: 1 };
  for (let turn = 0; turn < 5; turn++) keepBytes('a', half);
  keepBytes('b', half);
  expect(keptBytes('a')).toBe(half);
});

it('keeps a part from task to task until its file changes', () => {
  const path = join(folder, 'part.bin');
  writeFileSync(path, Uint8Array.of(1, 2, 3, 4));
  const extent = { file: 0, offset: 1, bytes: 2 };
  const first = wholePart({ 0: path }, extent);
  expect([...first]).toEqual([2, 3]);
  forgetIdentities();
  expect(wholePart({ 0: path }, extent)).toBe(first);
  writeFileSync(path, Uint8Array.of(5, 6, 7, 8));
  utimesSync(path, 1, 1);
  forgetIdentities();
  expect([...wholePart({ 0: path }, extent)]).toEqual([6, 7]);
  expect(() => wholePart({ 0: join(folder, 'gone') }, extent)).toThrow(
    expect.objectContaining({ code: 'FILE_NOT_FOUND' }),
  );
});

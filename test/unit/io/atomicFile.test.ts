// Outputs appear whole under their name or not at all, and never replace an input.

import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createAtomicFile } from '../../../core/io/atomicFile.ts';
import { freeBytes } from '../../../core/io/diskSpace.ts';
import { checkOutputIsNew, checkOutputIsNotInput } from '../../../core/io/outputPath.ts';
import { readTextFile, writeTextFile } from '../../../core/io/textFile.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const folder = temporaryFolder();
const code = (expected: string) => expect.objectContaining({ code: expected });
const own = (name: string): string => {
  const path = join(folder, name);
  mkdirSync(path);
  return path;
};

describe('createAtomicFile', () => {
  test('nothing under the name before the commit, everything after', async () => {
    const path = join(own('commit'), 'out.gguf');
    const file = await createAtomicFile(path);
    await file.write(Uint8Array.of(1, 2, 3));
    await file.write(Uint8Array.of(4, 5));
    await file.writeAt(1, Uint8Array.of(9));
    expect(existsSync(path)).toBe(false);
    expect(file.writtenBytes).toBe(5);
    expect(readdirSync(join(folder, 'commit'))).toEqual([expect.stringMatching(/^out\.gguf\.partial-\d+-\d+$/)]);
    await file.commit();
    expect([...readFileSync(path)]).toEqual([1, 9, 3, 4, 5]);
    expect(readdirSync(join(folder, 'commit'))).toEqual(['out.gguf']);
  });

  test('discard and leaving the scope remove the partial file and keep the old one', async () => {
    const path = join(own('discard'), 'out');
    writeFileSync(path, 'old');
    const file = await createAtomicFile(path);
    await file.write(Uint8Array.of(1));
    await file.discard();
    await file.discard();
    {
      await using scoped = await createAtomicFile(path);
      await scoped.write(Uint8Array.of(1));
    }
    expect(readdirSync(join(folder, 'discard'))).toEqual(['out']);
    expect(readFileSync(path, 'utf8')).toBe('old');
    await expect(file.write(Uint8Array.of(1))).rejects.toThrowError(code('INTERNAL'));
  });

  test('folders are not made, and are no outputs', async () => {
    await expect(createAtomicFile(join(folder, 'none', 'out'))).rejects.toThrowError(code('OUTPUT_INVALID'));
    await expect(createAtomicFile(own('folder'))).rejects.toThrowError(code('OUTPUT_INVALID'));
  });

  // Root may write anywhere.
  test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'a folder that cannot be written is told before any work',
    async () => {
      const closed = own('closed');
      chmodSync(closed, 0o555);
      await expect(checkOutputIsNotInput(join(closed, 'out'), [])).rejects.toThrowError(code('FILE_UNREADABLE'));
    },
  );

  test.skipIf(process.platform === 'win32')('a socket is no output: the rename would replace it', async () => {
    const path = join(own('socket'), 's');
    const server = createServer().listen(path);
    await once(server, 'listening');
    await expect(createAtomicFile(path)).rejects.toThrowError(code('OUTPUT_INVALID'));
    server.close();
  });

  test('too little space is told before the first byte, with both numbers', async () => {
    const path = join(own('space'), 'out');
    const free = await freeBytes(folder);
    expect(free).toBeGreaterThan(0);
    const opening = createAtomicFile(path, { expectedBytes: 2 ** 52 });
    await expect(opening).rejects.toThrowError(code('DISK_FULL'));
    await expect(opening).rejects.toThrowError(/out: the disk is full, 4503599627370496 bytes wanted, \d+ free/);
    expect(readdirSync(join(folder, 'space'))).toEqual([]);
  });

  test('two writers of one name do not meet', async () => {
    const path = join(own('two'), 'out');
    const first = await createAtomicFile(path);
    const second = await createAtomicFile(path);
    await first.write(new TextEncoder().encode('first'));
    await second.write(new TextEncoder().encode('second'));
    await second.commit();
    await first.commit();
    expect(readFileSync(path, 'utf8')).toBe('first');
  });
});

describe('output checks', () => {
  const input = join(folder, 'model.gguf');
  writeFileSync(input, 'weights');

  test('the input under any name is refused', async () => {
    symlinkSync(input, join(folder, 'link.gguf'));
    linkSync(input, join(folder, 'hard.gguf'));
    symlinkSync(folder, join(folder, 'around'));
    for (const name of ['model.gguf', 'link.gguf', 'hard.gguf', join('around', 'model.gguf')]) {
      const check = checkOutputIsNotInput(join(folder, name), [join(folder, 'other'), input]);
      await expect(check).rejects.toThrowError(code('OUTPUT_IS_INPUT'));
    }
  });

  test('anything else passes', async () => {
    writeFileSync(join(folder, 'existing.gguf'), 'other');
    await checkOutputIsNotInput(join(folder, 'existing.gguf'), [input]);
    await checkOutputIsNotInput(join(folder, 'new.gguf'), [input]);
    await checkOutputIsNew(join(folder, 'new.gguf'));
    await expect(checkOutputIsNew(input)).rejects.toThrowError(code('OUTPUT_EXISTS'));
    const check = checkOutputIsNotInput(join(folder, 'nowhere', 'new.gguf'), [input]);
    await expect(check).rejects.toThrowError(code('OUTPUT_INVALID'));
  });
});

describe('text files', () => {
  test('written whole, read strictly', async () => {
    const path = join(own('text'), 'plan.json');
    await writeTextFile(path, '{"ü":1}');
    expect(await readTextFile(path)).toBe('{"ü":1}');
    await expect(readTextFile(path, 5)).rejects.toThrowError(code('HEADER_TOO_LARGE'));
    writeFileSync(path, Uint8Array.of(0x7b, 0xff));
    await expect(readTextFile(path)).rejects.toThrowError(code('HEADER_INVALID'));
    expect(readdirSync(join(folder, 'text'))).toEqual(['plan.json']);
  });
});

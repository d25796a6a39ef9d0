// The cache keeps what fits, drops what was used least recently, and never trusts a key.

import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cacheRoot, openCacheFolder } from '../../../core/io/cacheFolder.ts';
import { checkUnchanged, identify } from '../../../core/io/fileIdentity.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

const root = temporaryFolder();
const code = (expected: string) => expect.objectContaining({ code: expected });
const bytes = (length: number, value = 1): Uint8Array => new Uint8Array(length).fill(value);

describe('openCacheFolder', () => {
  test('reads back what was written', async () => {
    const cache = await openCacheFolder('statistics', { root });
    expect(await cache.read('a')).toBeNull();
    await cache.write('a', bytes(3, 7));
    expect(await cache.read('a')).toEqual(bytes(3, 7));
    await cache.write('a', bytes(2, 8));
    expect(await cache.read('a')).toEqual(bytes(2, 8));
    await cache.remove('a');
    expect(await cache.read('a')).toBeNull();
  });

  test('drops the least recently used when full', async () => {
    const cache = await openCacheFolder('bounded', { root, maxBytes: 100 });
    for (const [at, key] of ['a', 'b', 'c'].entries()) {
      await cache.write(key, bytes(30));
      utimesSync(join(cache.path, `${key}.cache`), 1000 + at, 1000 + at);
    }
    await cache.read('a');
    await cache.write('d', bytes(40));
    expect(readdirSync(cache.path).sort()).toEqual(['a.cache', 'c.cache', 'd.cache']);
    await cache.write('huge', bytes(101));
    expect(await cache.read('huge')).toBeNull();
    expect(readdirSync(cache.path)).toHaveLength(3);
  });

  test('partial files of dead processes are cleared', async () => {
    const cache = await openCacheFolder('stale', { root });
    const stale = join(cache.path, 'x.cache.partial-1-1');
    writeFileSync(stale, 'half');
    utimesSync(stale, 1000, 1000);
    writeFileSync(join(cache.path, 'y.cache.partial-1-2'), 'being written');
    await cache.write('a', bytes(1));
    expect(readdirSync(cache.path).sort()).toEqual(['a.cache', 'y.cache.partial-1-2']);
  });

  test('keys cannot leave the folder', async () => {
    const cache = await openCacheFolder('keys', { root });
    for (const key of ['../x', 'a/b', '', '.hidden', 'a\\b', 'x'.repeat(200)]) {
      await expect(async () => cache.read(key)).rejects.toThrowError(code('INTERNAL'));
    }
    await expect(openCacheFolder('../out', { root })).rejects.toThrowError(code('INTERNAL'));
  });

  test('the environment decides where', () => {
    expect(cacheRoot({ QUANTSCOPE_CACHE: '/somewhere' })).toBe('/somewhere');
    if (process.platform === 'linux') expect(cacheRoot({ XDG_CACHE_HOME: '/xdg' })).toBe('/xdg/quantscope');
  });
});

describe('checkUnchanged', () => {
  test('notices size, time and absence', async () => {
    const path = join(root, 'watched.gguf');
    writeFileSync(path, 'abc');
    utimesSync(path, 1000, 1000);
    const before = await identify(path);
    await checkUnchanged([before]);
    utimesSync(path, 1000, 2000);
    await expect(checkUnchanged([before])).rejects.toThrowError(code('FILE_CHANGED'));
    writeFileSync(path, 'abcd');
    utimesSync(path, 1000, 1000);
    await expect(checkUnchanged([before])).rejects.toThrowError(/3 bytes then, 4 now/);
    await expect(checkUnchanged([{ ...before, path: join(root, 'gone') }])).rejects.toThrowError(code('FILE_CHANGED'));
  });
});

// A per-user cache of results that can always be computed again: bounded in size, oldest use dropped first.

import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { MAX_CACHE_BYTES, MAX_CACHE_ENTRY_BYTES } from '../base/limits.ts';
import { createAtomicFile } from './atomicFile.ts';
import { errnoOf, fileError } from './fileErrors.ts';

const KEY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const EXTENSION = '.cache';
/** A partial file older than this was left by a process that died. */
const STALE_PARTIAL_MS = 60 * 60 * 1000;

export interface CacheFolder {
  readonly path: string;
  /** The bytes kept under a key, or null. Reading counts as use. */
  read(key: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Keeps bytes under a key, replacing older ones; entries used least recently go when the folder is full. */
  write(key: string, bytes: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
}

export interface CacheOptions {
  /** Parent of the folder; default: where the platform keeps caches, or QUANTSCOPE_CACHE. */
  root?: string;
  maxBytes?: number;
}

/**
 * Opens (and creates when needed) the cache of one kind of result.
 *
 * @param kind folder name, "statistics"
 * @throws OUTPUT_INVALID when the folder cannot be made; INTERNAL for keys and kinds that are not plain names
 */
export async function openCacheFolder(kind: string, options: CacheOptions = {}): Promise<CacheFolder> {
  const path = join(options.root ?? cacheRoot(), plainName(kind));
  const maxBytes = options.maxBytes ?? MAX_CACHE_BYTES;
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new QuantscopeError('OUTPUT_INVALID', fileError(path, error, 'making the cache folder').message, {
      cause: error,
    });
  }
  const fileOf = (key: string): string => join(path, plainName(key) + EXTENSION);
  return {
    path,
    async read(key) {
      const file = fileOf(key);
      try {
        const bytes = new Uint8Array(await readFile(file));
        const now = new Date();
        await utimes(file, now, now).catch(() => undefined);
        return bytes;
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return null;
        throw fileError(file, error);
      }
    },
    async write(key, bytes) {
      const limit = Math.min(maxBytes, MAX_CACHE_ENTRY_BYTES);
      // An entry that would push out everything else is not worth keeping.
      if (bytes.length > limit) return;
      const file = fileOf(key);
      await evict(path, maxBytes - bytes.length, file);
      const output = await createAtomicFile(file);
      await output.write(bytes);
      await output.commit();
    },
    remove: (key) => rm(fileOf(key), { force: true }),
  };
}

/** `QUANTSCOPE_CACHE`, else the platform's cache folder plus "quantscope". */
export function cacheRoot(environment: NodeJS.ProcessEnv = process.env): string {
  const { QUANTSCOPE_CACHE: chosen, XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = environment;
  if (chosen) return chosen;
  if (process.platform === 'win32') return join(local || join(homedir(), 'AppData', 'Local'), 'quantscope', 'cache');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'quantscope');
  return join(xdg || join(homedir(), '.cache'), 'quantscope');
}

function plainName(name: string): string {
  if (KEY.test(name)) return name;
  throw new QuantscopeError('INTERNAL', `${JSON.stringify(name)} cannot name a cache entry`);
}

/** Removes entries, least recently used first, until the others fit; and partial files nobody writes any more. */
async function evict(folder: string, allowedBytes: number, replaced: string): Promise<void> {
  const entries: { file: string; bytes: number; usedMs: number }[] = [];
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const facts = await stat(file).catch(() => null);
    if (facts === null || !facts.isFile()) continue;
    if (name.includes(`${EXTENSION}.partial-`)) {
      if (Date.now() - facts.mtimeMs > STALE_PARTIAL_MS) await rm(file, { force: true });
    } else if (name.endsWith(EXTENSION) && file !== replaced) {
      entries.push({ file, bytes: facts.size, usedMs: facts.mtimeMs });
    }
  }
  entries.sort((a, b) => a.usedMs - b.usedMs || (a.file < b.file ? -1 : 1));
  let total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  for (const { file, bytes } of entries) {
    if (total <= allowedBytes) return;
    await rm(file, { force: true });
    total -= bytes;
  }
}

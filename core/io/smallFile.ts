// Small files that several processes look at: read when they are there, rewritten in place, removed.

import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { errnoOf, fileError } from './fileErrors.ts';
import { outputError } from './writeFailure.ts';

/** @returns null when there is none. @throws FILE_UNREADABLE */
export async function readSmallFile(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw fileError(path, error);
  }
}

/** The last bytes of a file as text; empty when there is none. @throws FILE_UNREADABLE */
export async function readEnd(path: string, maxBytes: number): Promise<string> {
  try {
    await using handle = await open(path, 'r');
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(Math.min(size, maxBytes)),
      position: Math.max(0, size - maxBytes),
    });
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw fileError(path, error);
  }
}

/** In place: a reader may see it half written. Network file systems show it sooner than a renamed one. */
export async function writeInPlace(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((error: unknown) => {
    throw outputError(path, error);
  });
}

/** Harmless when there is none. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true }).catch((error: unknown) => {
    throw outputError(path, error);
  });
}

/** Replaces a file of the new name; harmless when there is none of the old. */
export async function renameFile(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw outputError(to, error);
  });
}

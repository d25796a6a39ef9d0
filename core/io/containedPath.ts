// Paths that a file names for its neighbours: by their spelling and through symbolic links they must stay in its folder.

import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { errnoOf, fileError } from './fileErrors.ts';

/** Whether a path as written may lead out of a folder: absolute, a drive, `..`, a backslash, a NUL byte, or empty. */
export function spellsEscape(path: string): boolean {
  return (
    path === '' ||
    isAbsolute(path) ||
    /^[A-Za-z]:/.test(path) ||
    path.includes('\\') ||
    path.includes('\0') ||
    path.split('/').includes('..')
  );
}

/**
 * Resolves `path`, relative to the folder of the file `from`. When `from` itself is a link, as in download caches, the
 * folder it leads to counts as its own too.
 *
 * @returns the path to open; 'missing' when nothing is there, 'escape' when it leads out of the folder
 * @throws FILE_UNREADABLE
 */
export async function resolveBeside(from: string, path: string): Promise<{ path: string } | 'missing' | 'escape'> {
  if (spellsEscape(path)) return 'escape';
  const joined = join(dirname(from), path);
  try {
    const target = await realpath(joined);
    const folders = [await realpath(dirname(from)), dirname(await realpath(from))];
    return folders.some((folder) => lies(target, folder)) ? { path: joined } : 'escape';
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return 'missing';
    throw fileError(joined, error, 'looking it up');
  }
}

function lies(target: string, folder: string): boolean {
  const path = relative(folder, target);
  return path !== '' && path !== '..' && !path.startsWith(`..${sep}`) && !isAbsolute(path);
}

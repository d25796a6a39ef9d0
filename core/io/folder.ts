// What a path is, and what a folder holds.

import { readdir, stat } from 'node:fs/promises';
import { errnoOf, fileError } from './fileErrors.ts';

/** Follows symbolic links. @throws FILE_NOT_FOUND, FILE_UNREADABLE */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw fileError(path, error, 'looking it up');
  }
}

/** False only when nothing is there; any other trouble shows when the path is opened. */
export async function pathExists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => fileError(path, error).code !== 'FILE_NOT_FOUND',
  );
}

/** Base names in a folder, sorted by code unit so that choices do not depend on the file system. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    throw fileError(path, error, 'listing the folder');
  }
}

/** Base names of the symbolic links in a folder, sorted; none where there is no folder. */
export async function listLinks(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isSymbolicLink() ? [entry.name] : [])).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw fileError(path, error, 'listing the folder');
  }
}

/** Base names of the folders in a folder, sorted; links are not followed. */
export async function listSubfolders(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
  } catch (error) {
    throw fileError(path, error, 'listing the folder');
  }
}

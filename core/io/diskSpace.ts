// How much a user may still write where a path lies.

import { statfs } from 'node:fs/promises';
import { fileError } from './fileErrors.ts';

/** Bytes free for unprivileged users on the file system of an existing file or folder. */
export async function freeBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    throw fileError(path, error, 'asking for free space');
  }
}

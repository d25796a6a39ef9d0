// Files of which only one of several processes succeeds in making.

import { link, open, rm, writeFile } from 'node:fs/promises';
import { errnoOf } from './fileErrors.ts';
import { outputError } from './writeFailure.ts';

/** File systems without hard links (FAT, some network shares) say one of these. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EACCES']);
let created = 0;

/**
 * Makes a file with all of its text at once.
 *
 * @returns false when the name was taken, by whomever
 * @throws OUTPUT_INVALID, FILE_UNREADABLE, DISK_FULL
 */
export async function createExclusively(path: string, text: string): Promise<boolean> {
  created += 1;
  const draft = `${path}.draft-${process.pid}-${created}`;
  try {
    await writeFile(draft, text, { flag: 'wx' });
    // Linking fails on an existing name, and never shows a file without its text; opening exclusively may.
    await link(draft, path).catch(async (error: unknown) => {
      if (!NO_LINKS.has(errnoOf(error) ?? '')) throw error;
      await using handle = await open(path, 'wx');
      await handle.writeFile(text);
    });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw outputError(path, error);
  } finally {
    await rm(draft, { force: true });
  }
}

// Whether a path may be written: its folder exists, and it is none of the files being read.

import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { errnoOf, fileError } from './fileErrors.ts';

/**
 * Refuses an output that is one of the inputs, by any spelling, symbolic or hard link.
 *
 * @throws OUTPUT_IS_INPUT, OUTPUT_INVALID, FILE_UNREADABLE
 */
export async function checkOutputIsNotInput(output: string, inputs: readonly string[]): Promise<void> {
  await checkOutputFolder(output);
  const target = await identity(output);
  for (const input of inputs) {
    const source = await identity(input);
    const samePlace = target.real === source.real;
    const sameFile = target.inode !== null && target.inode === source.inode;
    if (!samePlace && !sameFile) continue;
    throw new QuantscopeError('OUTPUT_IS_INPUT', `${basename(output)}: the output is the input ${input}`);
  }
}

/**
 * @throws OUTPUT_INVALID when the folder is missing, or something else than a file is there: a rename replaces it;
 * FILE_UNREADABLE when nothing can be made in the folder
 */
export async function checkOutputFolder(output: string): Promise<void> {
  const folder = dirname(resolve(output));
  const facts = await statusOf(folder);
  if (facts === null || !facts.isDirectory()) {
    throw new QuantscopeError('OUTPUT_INVALID', `${basename(output)}: the folder ${folder} does not exist`);
  }
  // Told now, not after hours of work.
  await access(folder, constants.W_OK).catch((error: unknown) => {
    throw fileError(output, error, 'writing');
  });
  const present = await statusOf(output);
  if (present === null || present.isFile()) return;
  const kind = present.isDirectory() ? 'a folder' : 'a device, pipe or socket';
  throw new QuantscopeError('OUTPUT_INVALID', `${basename(output)}: is ${kind}, a file name is needed`);
}

/** @throws OUTPUT_EXISTS when something is there already */
export async function checkOutputIsNew(output: string): Promise<void> {
  if ((await statusOf(output)) === null) return;
  throw new QuantscopeError('OUTPUT_EXISTS', `${basename(output)}: exists already in ${dirname(resolve(output))}`);
}

/** Symbolic links resolved as far as the path exists; device and inode when the file exists. */
async function identity(path: string): Promise<{ real: string; inode: string | null }> {
  const facts = await statusOf(path);
  if (facts !== null) return { real: await realpath(path), inode: `${facts.dev}:${facts.ino}` };
  const folder = await realpath(dirname(resolve(path))).catch(() => dirname(resolve(path)));
  return { real: resolve(folder, basename(path)), inode: null };
}

async function statusOf(path: string) {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return null;
    throw fileError(path, error, 'looking it up');
  }
}

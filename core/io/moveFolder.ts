// Folders made, renamed and removed as a whole.

import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { syncFolder } from './atomicFile.ts';
import { errnoOf } from './fileErrors.ts';
import { outputError } from './writeFailure.ts';

/** @throws OUTPUT_EXISTS when anything has the name, OUTPUT_INVALID when the parent is missing, FILE_UNREADABLE */
export async function makeNewFolder(path: string): Promise<void> {
  await mkdir(path).catch((error: unknown) => {
    throw taken(path, error) ?? outputError(path, error);
  });
}

/** With its parents; one that exists is fine. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((error: unknown) => {
    throw outputError(path, error);
  });
}

/** Atomic within a file system, and durable. @throws OUTPUT_EXISTS when the new name is taken */
export async function moveFolder(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    throw taken(to, error) ?? outputError(to, error);
  });
  await syncFolder(dirname(to));
}

/** File or folder with everything in it; harmless when nothing is there. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch((error: unknown) => {
    throw outputError(path, error);
  });
}

function taken(path: string, error: unknown): QuantscopeError | null {
  if (!['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return null;
  return new QuantscopeError('OUTPUT_EXISTS', `${basename(path)}: exists already in ${dirname(path)}`, {
    cause: error,
  });
}

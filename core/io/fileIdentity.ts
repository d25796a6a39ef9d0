// Whether files are still the ones that were opened: size and modification time compared again.

import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { fileError } from './fileErrors.ts';

/** What a reader remembers of a file; `CheckpointFile` fits. */
export interface FileIdentity {
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** @throws FILE_NOT_FOUND, FILE_UNREADABLE */
export async function identify(path: string): Promise<FileIdentity> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { path, sizeBytes: size, modifiedMs: mtimeMs };
  } catch (error) {
    throw fileError(path, error, 'looking it up');
  }
}

/**
 * Call before results that were computed over minutes are kept, and after each long read.
 *
 * @throws FILE_CHANGED naming the first file that differs (a removed file counts as changed)
 */
export async function checkUnchanged(files: readonly FileIdentity[]): Promise<void> {
  for (const before of files) {
    const fact = await differenceOf(before);
    if (fact === null) continue;
    throw new QuantscopeError('FILE_CHANGED', `${basename(before.path)}: changed since it was opened, ${fact}`);
  }
}

async function differenceOf(before: FileIdentity): Promise<string | null> {
  const now = await identify(before.path).catch((error: unknown) => {
    const failure = fileError(before.path, error);
    if (failure.code === 'FILE_NOT_FOUND') return null;
    throw failure;
  });
  if (now === null) return 'it is gone';
  if (now.sizeBytes !== before.sizeBytes) return `${before.sizeBytes} bytes then, ${now.sizeBytes} now`;
  if (now.modifiedMs === before.modifiedMs) return null;
  return `written at ${new Date(before.modifiedMs).toISOString()} then, ${new Date(now.modifiedMs).toISOString()} now`;
}

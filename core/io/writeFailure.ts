// Whole writes, and what a failed one means to a user.

import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { freeBytes } from './diskSpace.ts';
import { errnoOf, fileError } from './fileErrors.ts';

/** One `write` call may take only a part. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

/** @param wantedBytes what was to be written in all: a full disk is told with the numbers */
export async function writeFailure(path: string, wantedBytes: number, error: unknown): Promise<QuantscopeError> {
  const full = errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT';
  return full ? diskFull(path, wantedBytes, error) : outputError(path, error);
}

/** A missing folder is the output's fault, not an input that was not found. */
export function outputError(path: string, error: unknown): QuantscopeError {
  const failure = fileError(path, error, 'writing');
  if (failure.code !== 'FILE_NOT_FOUND') return failure;
  return new QuantscopeError('OUTPUT_INVALID', failure.message, { cause: error });
}

export async function diskFull(path: string, wantedBytes: number, cause?: unknown): Promise<QuantscopeError> {
  const free = await freeBytes(dirname(resolve(path))).catch(() => null);
  const facts = `${wantedBytes} bytes wanted, ${free ?? 'an unknown number of'} free`;
  return new QuantscopeError('DISK_FULL', `${basename(path)}: the disk is full, ${facts}`, { cause });
}

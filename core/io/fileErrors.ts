// Turns an operating system's refusal into the error a user is told.

import { basename } from 'node:path';
import { type ErrorCode, QuantscopeError } from '../base/errors.ts';

/** `errno` names that have a code of their own; everything else is FILE_UNREADABLE with the name as the fact. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'FILE_NOT_FOUND',
  ENOTDIR: 'FILE_NOT_FOUND',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
};

const FACTS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'a part of the path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'is a folder',
  EMFILE: 'too many open files',
  ELOOP: 'symbolic links form a loop',
  ENAMETOOLONG: 'the path is too long',
  EIO: 'the device reported an input/output error',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
};

/** The `errno` name of a Node error ("ENOENT"), or null. */
export function errnoOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** What a failed system call on `path` means; a QuantscopeError passes through. */
export function fileError(path: string, error: unknown, doing = 'reading'): QuantscopeError {
  if (error instanceof QuantscopeError) return error;
  const errno = errnoOf(error);
  // Node itself refuses paths with a NUL byte before any system call.
  const fact = errno === null ? String(error) : (FACTS[errno] ?? (error instanceof Error ? error.message : errno));
  const code = errno === null ? 'FILE_UNREADABLE' : (CODES[errno] ?? 'FILE_UNREADABLE');
  return new QuantscopeError(code, `${basename(path)}: ${fact} while ${doing}${errno === null ? '' : ` (${errno})`}`, {
    cause: error,
  });
}

// Synchronous ranged reads straight into memory the caller owns, for worker threads that read into WASM memory.

import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { MAX_CACHED_DESCRIPTORS } from '../base/limits.ts';
import { fileError } from './fileErrors.ts';

/** Linux moves at most 2 GiB − 4 KiB per read call; asking for less keeps every platform on one path. */
const MAX_READ_BYTES = 1 << 30;

/** Open descriptors of this thread, least recently used first. */
const descriptors = new Map<string, number>();

/**
 * Fills `view` with the bytes of `path` from byte `offset` on.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE (with the errno), FILE_TRUNCATED when the file ends before the view is full
 */
export function readInto(path: string, offset: number, view: Uint8Array): void {
  if (view.length === 0) return;
  const descriptor = descriptorOf(path);
  let done = 0;
  while (done < view.length) {
    let count: number;
    try {
      count = readSync(descriptor, view, done, Math.min(view.length - done, MAX_READ_BYTES), offset + done);
    } catch (error) {
      throw fileError(path, error);
    }
    if (count === 0) throw truncated(path, offset, view.length, offset + done);
    done += count;
  }
}

/** Closes the descriptors this thread keeps open; later reads open them again. */
export function closeReaders(): void {
  for (const descriptor of descriptors.values()) closeSync(descriptor);
  descriptors.clear();
}

/** The error of a read that met the end of the file. */
export function truncated(path: string, offset: number, wanted: number, end: number): QuantscopeError {
  const range = `bytes ${offset} to ${offset + wanted}`;
  return new QuantscopeError('FILE_TRUNCATED', `${basename(path)}: ${range} wanted, the file ends at byte ${end}`);
}

function descriptorOf(path: string): number {
  let descriptor = descriptors.get(path);
  if (descriptor === undefined) {
    try {
      descriptor = openSync(path, 'r');
    } catch (error) {
      throw fileError(path, error, 'opening');
    }
    for (const [oldest, oldDescriptor] of descriptors) {
      if (descriptors.size < MAX_CACHED_DESCRIPTORS) break;
      descriptors.delete(oldest);
      closeSync(oldDescriptor);
    }
  } else {
    descriptors.delete(path);
  }
  descriptors.set(path, descriptor);
  return descriptor;
}

// Bytes of one extent: every read of a described tensor goes through here and stays inside what was described.

import { basename } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { readInto } from '../io/fileReader.ts';
import { readInflatedInto } from '../io/inflatedReader.ts';
import type { Extent } from '../tensor/storage.ts';

/** Paths of the files extents name by number. */
export type FilePaths = Readonly<Record<number, string>>;

/**
 * Fills `view` with the (inflated) bytes of the extent from `at` on.
 *
 * @throws PACKING_INVALID for a range outside the extent, ARCHIVE_INVALID for a broken DEFLATE stream, FILE_TRUNCATED
 * and what reading throws
 */
export function readExtent(files: FilePaths, extent: Extent, at: number, view: Uint8Array): void {
  const path = pathOf(files, extent);
  checkRange(path, extent, at, view.length);
  const { offset, bytes, deflated } = extent;
  if (deflated === undefined) readInto(path, offset + at, view);
  else readInflatedInto(path, offset, deflated, bytes, at, view);
}

/** @throws PACKING_INVALID */
export function checkRange(path: string, { offset, bytes }: Extent, at: number, length: number): void {
  if (at >= 0 && length >= 0 && at + length <= bytes) return;
  throw new QuantscopeError(
    'PACKING_INVALID',
    `${basename(path)}: bytes ${at} to ${at + length} wanted of a part at byte ${offset} that has ${bytes}`,
  );
}

export function pathOf(files: FilePaths, { file }: Extent): string {
  const path = files[file];
  if (path === undefined) throw new QuantscopeError('INTERNAL', `file ${file} of a tensor has no path`);
  return path;
}

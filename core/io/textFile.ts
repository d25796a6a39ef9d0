// Small text files: configurations, plans, indexes. Bounded in size, strict UTF-8, replaced whole.

import { basename } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { MAX_TEXT_FILE_BYTES } from '../base/limits.ts';
import { createAtomicFile } from './atomicFile.ts';
import { openByteSource } from './byteSource.ts';

/**
 * @param limitBytes largest size accepted
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE, FILE_EMPTY, HEADER_TOO_LARGE above the limit, HEADER_INVALID when not UTF-8
 */
export async function readTextFile(path: string, limitBytes = MAX_TEXT_FILE_BYTES): Promise<string> {
  const source = await openByteSource(path);
  try {
    if (source.sizeBytes > limitBytes) {
      const fact = `${source.sizeBytes} bytes, limit ${limitBytes}`;
      throw new QuantscopeError('HEADER_TOO_LARGE', `${source.name}: the text file has ${fact}`);
    }
    return decodeUtf8(path, await source.read(0, source.sizeBytes));
  } finally {
    await source.close();
  }
}

/** Writes beside and renames, so that a reader never sees half a file. */
export async function writeTextFile(path: string, text: string): Promise<void> {
  const file = await createAtomicFile(path);
  try {
    await file.write(new TextEncoder().encode(text));
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

function decodeUtf8(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new QuantscopeError('HEADER_INVALID', `${basename(path)}: the text is not valid UTF-8`, { cause: error });
  }
}

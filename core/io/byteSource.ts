// Asynchronous ranged reads of one file; counts every byte, so that tests can prove headers never cost the data.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { throwIfCancelled } from '../base/cancellation.ts';
import { QuantscopeError } from '../base/errors.ts';
import { fileError } from './fileErrors.ts';
import { truncated } from './fileReader.ts';

/** A named pipe must not block the opening; regular files ignore the flag, Windows lacks it. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

export interface ByteSource extends AsyncDisposable {
  readonly path: string;
  /** Base name, for messages. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Bytes read so far through this source. */
  readonly bytesRead: number;
  /** `length` bytes from `offset`. @throws FILE_TRUNCATED when the file ends earlier, FILE_UNREADABLE, CANCELLED */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/**
 * Opens a regular file for ranged reads.
 *
 * @throws FILE_NOT_FOUND, FILE_UNREADABLE (folders and devices included), FILE_EMPTY
 */
export async function openByteSource(path: string, signal?: AbortSignal): Promise<ByteSource> {
  const name = basename(path);
  throwIfCancelled(signal, `opening ${name}`);
  const handle = await open(path, READ_FLAGS).catch((error: unknown) => {
    throw fileError(path, error, 'opening');
  });
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw new QuantscopeError('FILE_UNREADABLE', `${name}: not a regular file`);
    if (status.size === 0) throw new QuantscopeError('FILE_EMPTY', `${name}: the file is empty (0 bytes)`);
    return fromHandle(handle, path, { sizeBytes: status.size, modifiedMs: status.mtimeMs }, signal);
  } catch (error) {
    await handle.close();
    throw fileError(path, error, 'opening');
  }
}

type Handle = Awaited<ReturnType<typeof open>>;

function fromHandle(
  handle: Handle,
  path: string,
  facts: { sizeBytes: number; modifiedMs: number },
  signal: AbortSignal | undefined,
): ByteSource {
  const name = basename(path);
  let bytesRead = 0;
  const close = (): Promise<void> => handle.close();
  return {
    path,
    name,
    ...facts,
    get bytesRead() {
      return bytesRead;
    },
    async read(offset, length) {
      throwIfCancelled(signal, `reading ${name}`);
      if (offset + length > facts.sizeBytes) throw truncated(path, offset, length, facts.sizeBytes);
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const result = await handle.read(bytes, done, length - done, offset + done).catch((error: unknown) => {
          throw fileError(path, error);
        });
        // The file was longer when it was opened.
        if (result.bytesRead === 0) throw truncated(path, offset, length, offset + done);
        done += result.bytesRead;
        bytesRead += result.bytesRead;
        throwIfCancelled(signal, `reading ${name}`);
      }
      return bytes;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

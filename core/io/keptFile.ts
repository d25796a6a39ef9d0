// A file that stays when its writer dies, to be read back and continued: a job's journal and its unfinished output.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { fileError } from './fileErrors.ts';
import { outputError, writeAll, writeFailure } from './writeFailure.ts';

export interface KeptFile extends AsyncDisposable {
  readonly path: string;
  sizeBytes(): Promise<number>;
  /** Up to `length` bytes: fewer where the file ends. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Beyond the end too; what lies between reads as zeros. @throws DISK_FULL, FILE_UNREADABLE */
  writeAt(offset: number, bytes: Uint8Array): Promise<void>;
  truncate(bytes: number): Promise<void>;
  /** Flushes to the device. */
  sync(): Promise<void>;
}

/** Creates the file where there is none; keeps what there is. @throws OUTPUT_INVALID, FILE_UNREADABLE, DISK_FULL */
export async function openKeptFile(path: string): Promise<KeptFile> {
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o666).catch((error: unknown) => {
    throw outputError(path, error);
  });
  return keptFile(path, handle);
}

/** What another process may be writing: nothing is created or locked. @throws FILE_NOT_FOUND, FILE_UNREADABLE */
export async function openGrowingFile(path: string): Promise<Omit<KeptFile, 'writeAt' | 'truncate' | 'sync'>> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    throw fileError(path, error, 'opening');
  });
  return keptFile(path, handle);
}

function keptFile(path: string, handle: FileHandle): KeptFile {
  const guarded = async <T>(wantedBytes: number, action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      throw await writeFailure(path, wantedBytes, error);
    }
  };
  return {
    path,
    sizeBytes: async () => (await handle.stat()).size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle
          .read(bytes, done, length - done, offset + done)
          .catch((error: unknown) => Promise.reject(fileError(path, error)));
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    },
    writeAt: (offset, bytes) => guarded(offset + bytes.length, () => writeAll(handle, bytes, offset)),
    truncate: (bytes) => guarded(bytes, () => handle.truncate(bytes)),
    sync: () => guarded(0, () => handle.sync()),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

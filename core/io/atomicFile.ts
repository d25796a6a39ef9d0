// A file that appears under its name whole or not at all: written beside, flushed to the device, renamed.

import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { freeBytes } from './diskSpace.ts';
import { checkOutputFolder } from './outputPath.ts';
import { diskFull, outputError, writeAll, writeFailure } from './writeFailure.ts';

export interface AtomicFile extends AsyncDisposable {
  /** The final path. */
  readonly path: string;
  /** Where bytes go until the commit; verification may read it. */
  readonly partialPath: string;
  /** Bytes appended so far. */
  readonly writtenBytes: number;
  /** Appends. @throws DISK_FULL, FILE_UNREADABLE; the partial file is removed first */
  write(bytes: Uint8Array): Promise<void>;
  /** Overwrites bytes already written, without moving the end. */
  writeAt(offset: number, bytes: Uint8Array): Promise<void>;
  /** Flushes to the device without giving the final name. */
  sync(): Promise<void>;
  /** Flushes to the device and gives the final name, replacing what was there. */
  commit(): Promise<void>;
  /** Removes the partial file; harmless after commit or a second time. */
  discard(): Promise<void>;
}

let created = 0;

/**
 * Starts writing `NAME.partial-<pid>-<n>` beside `path`. Leaving an `await using` scope without commit discards.
 *
 * @param expectedBytes when known, the free space is compared before the first byte
 * @throws OUTPUT_INVALID when the folder is missing, DISK_FULL, FILE_UNREADABLE
 */
export async function createAtomicFile(
  path: string,
  options: { expectedBytes?: number | undefined } = {},
): Promise<AtomicFile> {
  await checkOutputFolder(path);
  const { expectedBytes } = options;
  const folder = dirname(resolve(path));
  if (expectedBytes !== undefined && expectedBytes > (await freeBytes(folder)))
    throw await diskFull(path, expectedBytes);
  created += 1;
  const partialPath = `${path}.partial-${process.pid}-${created}`;
  const handle = await open(partialPath, 'wx+').catch((error: unknown) => {
    throw outputError(path, error);
  });

  let writtenBytes = 0;
  let state: 'open' | 'committed' | 'discarded' = 'open';
  const discard = async (): Promise<void> => {
    if (state !== 'open') return;
    state = 'discarded';
    await handle.close().catch(() => undefined);
    await rm(partialPath, { force: true });
  };
  /** Any failure removes the partial file before it is told. */
  const guarded = async (wantedBytes: number, action: () => Promise<void>): Promise<void> => {
    if (state !== 'open') throw new QuantscopeError('INTERNAL', `${basename(path)}: already ${state}`);
    try {
      await action();
    } catch (error) {
      const failure = await writeFailure(path, wantedBytes, error);
      await discard();
      throw failure;
    }
  };
  return {
    path,
    partialPath,
    get writtenBytes() {
      return writtenBytes;
    },
    write: (bytes) =>
      guarded(Math.max(expectedBytes ?? 0, writtenBytes + bytes.length), async () => {
        await writeAll(handle, bytes, writtenBytes);
        writtenBytes += bytes.length;
      }),
    writeAt: (offset, bytes) =>
      guarded(bytes.length, async () => {
        if (offset < 0 || offset + bytes.length > writtenBytes) {
          const range = `${offset} to ${offset + bytes.length}`;
          throw new QuantscopeError('INTERNAL', `${basename(path)}: bytes ${range} are beyond the end ${writtenBytes}`);
        }
        await writeAll(handle, bytes, offset);
      }),
    sync: () => guarded(writtenBytes, () => handle.sync()),
    commit: () =>
      guarded(writtenBytes, async () => {
        await handle.sync();
        await rename(partialPath, path);
        state = 'committed';
        await handle.close();
        await syncFolder(folder);
      }),
    discard,
    [Symbol.asyncDispose]: discard,
  };
}

/** Makes the rename itself durable; not every platform can open a folder, and none needs it for atomicity. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  if (handle === null) return;
  await handle.sync().catch(() => undefined);
  await handle.close();
}

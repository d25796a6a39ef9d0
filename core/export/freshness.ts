// Whether the files behind a checkpoint are still the ones its headers were read from.

import { basename } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { openByteSource } from '../io/byteSource.ts';

/** @throws FILE_CHANGED naming file, old and new size or time; FILE_NOT_FOUND */
export async function checkUnchanged({ files }: Checkpoint): Promise<void> {
  for (const { path, sizeBytes, modifiedMs } of files) {
    await using now = await openByteSource(path);
    if (now.sizeBytes !== sizeBytes)
      throw new QuantscopeError(
        'FILE_CHANGED',
        `${basename(path)}: had ${sizeBytes} bytes when opened, has ${now.sizeBytes} now`,
      );
    if (now.modifiedMs !== modifiedMs)
      throw new QuantscopeError(
        'FILE_CHANGED',
        `${basename(path)}: written at ${new Date(now.modifiedMs).toISOString()}, after it was opened`,
      );
  }
}

// Files beside the model that hold its tensors' data: inside its folder only, each opened once for its size.

import { basename } from 'node:path';
import { QuantscopeError } from '../../base/errors.ts';
import { MAX_SHARDS } from '../../base/limits.ts';
import { openByteSource } from '../../io/byteSource.ts';
import { resolveBeside } from '../../io/containedPath.ts';
import type { CheckpointFile } from '../checkpoint.ts';
import { refuseLfsPointer } from '../lfsPointer.ts';
import { mapBounded } from '../mapBounded.ts';
import { quoteName } from '../tensorName.ts';

const PARALLEL_FILES = 8;
/** Enough to recognise a Git-LFS pointer. */
const POINTER_HEAD_BYTES = 32;

export interface ExternalFile extends CheckpointFile {
  readonly bytesRead: number;
}

/**
 * @param locations distinct, as the model spells them
 * @returns files in the same order
 * @throws PATH_ESCAPE, SHARD_MISSING, COUNT_LIMIT, LFS_POINTER, FILE_UNREADABLE, FILE_EMPTY
 */
export async function openExternalFiles(
  model: string,
  locations: readonly string[],
  signal: AbortSignal | undefined,
): Promise<ExternalFile[]> {
  const name = basename(model);
  if (locations.length > MAX_SHARDS) {
    throw new QuantscopeError('COUNT_LIMIT', `${name}: ${locations.length} external files, limit ${MAX_SHARDS}`);
  }
  return mapBounded(locations, PARALLEL_FILES, async (location): Promise<ExternalFile> => {
    const found = await resolveBeside(model, location);
    if (found === 'escape') {
      const fact = `the external data ${quoteName(location)} leads out of the model's folder`;
      throw new QuantscopeError('PATH_ESCAPE', `${name}: ${fact}`);
    }
    if (found === 'missing') {
      throw new QuantscopeError('SHARD_MISSING', `${name}: the external data ${quoteName(location)} is missing`);
    }
    await using source = await openByteSource(found.path, signal);
    const { path, sizeBytes, modifiedMs } = source;
    if (sizeBytes < 1024) await refuseLfsPointer(source, await source.read(0, Math.min(POINTER_HEAD_BYTES, sizeBytes)));
    return { path, sizeBytes, modifiedMs, bytesRead: source.bytesRead };
  });
}

// Checkpoints in several files of one kind: an index leads to them, or only their names hold them together.

import { basename, dirname, join } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { MAX_SHARDS, MAX_TENSORS, MAX_TOTAL_HEADER_BYTES } from '../base/limits.ts';
import { pathExists } from '../io/folder.ts';
import type { CheckpointFile, MetadataValue } from './checkpoint.ts';
import type { ReadCheckpoint, StoredTensor } from './format.ts';
import { mapBounded } from './mapBounded.ts';
import { readShardIndex, type ShardIndex } from './shardIndex.ts';
import { parseShardName, shardName } from './shardName.ts';
import { quoteName } from './tensorName.ts';

/** Shards opened at once: hides latency on network drives without exhausting descriptors. */
const PARALLEL_SHARDS = 8;

/** What the header of one file tells. */
export interface ShardFile {
  readonly file: CheckpointFile;
  readonly tensors: readonly StoredTensor[];
  /** Further names of tied tensors → the name that is listed. */
  readonly aliases?: ReadonlyMap<string, string>;
  readonly metadata: Readonly<Record<string, MetadataValue>>;
  readonly warnings?: readonly string[];
  readonly headerBytes: number;
  readonly headerDigest: Uint8Array;
  readonly bytesRead: number;
}

/**
 * Reads one file, an index with the shards it names, or files that together are one checkpoint.
 *
 * @param readFile reads the header of one file; its second argument is the file's number in the checkpoint
 * @throws SHARD_MISSING, SHARD_MISMATCH, DUPLICATE_NAME, COUNT_LIMIT, HEADER_TOO_LARGE, and what `readFile` throws
 */
export async function readShards(
  paths: readonly string[],
  indexExtension: string,
  readFile: (path: string, index: number, signal: AbortSignal | undefined) => Promise<ShardFile>,
  signal: AbortSignal | undefined,
): Promise<ReadCheckpoint> {
  const [first] = paths;
  if (first === undefined) throw new QuantscopeError('INTERNAL', 'no file was named');
  const index = first.toLowerCase().endsWith(indexExtension) ? await readShardIndex(first, signal) : null;
  const files = index === null ? paths : index.shards.map((shard) => join(dirname(first), shard));
  if (index !== null) await refuseMissing(first, files);
  let headerBytes = 0;
  const parts = await mapBounded(files, PARALLEL_SHARDS, async (path, at) => {
    const part = await readFile(path, at, signal);
    headerBytes += part.headerBytes;
    if (headerBytes > MAX_TOTAL_HEADER_BYTES) {
      const fact = `the headers of all shards have more than ${MAX_TOTAL_HEADER_BYTES} bytes`;
      throw new QuantscopeError('HEADER_TOO_LARGE', `${basename(first)}: ${fact}`);
    }
    return part;
  });
  const merged = mergeParts(basename(first), parts);
  if (index !== null) merged.warnings.push(...compareIndex(basename(first), index, parts));
  else if (paths.length === 1) merged.warnings.push(...lonelyShard(first));
  return { ...merged, bytesRead: merged.bytesRead + (index?.bytesRead ?? 0) };
}

/** Without an index, only the names tell whether all shards are here. @throws SHARD_MISSING, COUNT_LIMIT */
export function refuseIncomplete(folder: string, files: readonly string[]): void {
  const parts = files.map(parseShardName);
  const first = parts[0];
  if (first === undefined || first === null) return;
  if (first.count > MAX_SHARDS) {
    throw new QuantscopeError('COUNT_LIMIT', `${basename(folder)}: ${first.count} shards, limit ${MAX_SHARDS}`);
  }
  const start = parts.some((part) => part?.number === 0) ? 0 : 1;
  for (let number = start; number < start + first.count; number++) {
    const name = shardName(first, number);
    if (files.includes(name)) continue;
    throw new QuantscopeError(
      'SHARD_MISSING',
      `${basename(folder)}: ${name} is missing, ${files.length} of ${first.count} shards found`,
    );
  }
}

/** Told before any shard is opened, since the rest of the model may be downloading still. */
async function refuseMissing(index: string, shards: readonly string[]): Promise<void> {
  const there = await mapBounded(shards, PARALLEL_SHARDS, pathExists);
  const missing = shards.filter((_, at) => there[at] === false);
  if (missing[0] === undefined) return;
  const fact = `${missing.length} of ${shards.length} shards are missing, the first is ${quoteName(basename(missing[0]))}`;
  throw new QuantscopeError('SHARD_MISSING', `${basename(index)}: ${fact}`);
}

function mergeParts(name: string, parts: readonly ShardFile[]): ReadCheckpoint & { warnings: string[] } {
  const tensors = parts.length === 1 ? (parts[0]?.tensors ?? []) : parts.flatMap((part) => part.tensors);
  if (tensors.length > MAX_TENSORS) {
    throw new QuantscopeError('COUNT_LIMIT', `${name}: ${tensors.length} tensors, limit ${MAX_TENSORS}`);
  }
  if (parts.length > 1) refuseDuplicates(parts);
  return {
    files: parts.map((part) => part.file),
    headerDigests: parts.map((part) => part.headerDigest),
    metadata: Object.fromEntries(parts.toReversed().flatMap((part) => Object.entries(part.metadata))),
    tensors,
    warnings: parts.flatMap((part) => part.warnings ?? []),
    bytesRead: parts.reduce((total, part) => total + part.bytesRead, 0),
  };
}

function refuseDuplicates(parts: readonly ShardFile[]): void {
  const fileOf = new Map<string, string>();
  for (const { tensors, file } of parts) {
    for (const { name } of tensors) {
      const other = fileOf.get(name);
      if (other !== undefined) {
        const fact = `tensor ${quoteName(name)} is also in ${basename(other)}`;
        throw new QuantscopeError('DUPLICATE_NAME', `${basename(file.path)}: ${fact}`);
      }
      fileOf.set(name, file.path);
    }
  }
}

/** Every tensor of the index must be in its shard; tensors the index does not know are told, and kept. */
function compareIndex(name: string, index: ShardIndex, parts: readonly ShardFile[]): string[] {
  const warnings: string[] = [];
  const found = new Map<string, number>();
  parts.forEach(({ tensors, aliases }, file) => {
    for (const tensor of tensors) found.set(tensor.name, file);
    for (const alias of aliases?.keys() ?? []) found.set(alias, file);
  });
  for (const [tensor, shard] of index.weightMap) {
    const file = found.get(tensor);
    if (file === shard) continue;
    const where = file === undefined ? 'which does not hold it' : `but it is in ${index.shards[file]}`;
    const fact = `tensor ${quoteName(tensor)} should be in ${index.shards[shard]}, ${where}`;
    throw new QuantscopeError('SHARD_MISMATCH', `${name}: ${fact}`);
  }
  const unlisted = found.size - index.weightMap.size;
  if (unlisted > 0) warnings.push(`${name}: ${unlisted} tensors of the shards are not in the index`);
  const bytes = parts.flatMap((part) => part.tensors).reduce((total, tensor) => total + tensor.bytes, 0);
  if (index.totalSize !== null && index.totalSize !== bytes) {
    warnings.push(`${name}: total_size says ${index.totalSize} bytes, the tensors have ${bytes}`);
  }
  return warnings;
}

function lonelyShard(path: string): string[] {
  const part = parseShardName(basename(path));
  if (part === null || part.count < 2) return [];
  return [`${basename(path)} is one of ${part.count} shards; open the index or the folder to see the whole model`];
}

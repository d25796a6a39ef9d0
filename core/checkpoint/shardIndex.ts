// `*.safetensors.index.json`, `*.bin.index.json`: which shard holds which tensor.

import { QuantscopeError } from '../base/errors.ts';
import { MAX_INDEX_BYTES, MAX_NAME_BYTES, MAX_SHARDS, MAX_TENSORS } from '../base/limits.ts';
import { openByteSource } from '../io/byteSource.ts';
import { spellsEscape } from '../io/containedPath.ts';
import { JsonScanner } from './jsonScanner.ts';
import { limitName, quoteName } from './tensorName.ts';

export interface ShardIndex {
  /** Tensor name → position in `shards`. */
  readonly weightMap: ReadonlyMap<string, number>;
  /** Paths relative to the index, sorted. */
  readonly shards: readonly string[];
  /** Sum of all tensors' bytes as the index claims it, or null. */
  readonly totalSize: number | null;
  readonly bytesRead: number;
}

/** @throws HEADER_TOO_LARGE, HEADER_INVALID, DUPLICATE_NAME, COUNT_LIMIT, NAME_INVALID, PATH_ESCAPE */
export async function readShardIndex(path: string, signal: AbortSignal | undefined): Promise<ShardIndex> {
  await using source = await openByteSource(path, signal);
  const { name, sizeBytes } = source;
  if (sizeBytes > MAX_INDEX_BYTES) {
    throw new QuantscopeError(
      'HEADER_TOO_LARGE',
      `${name}: the index has ${sizeBytes} bytes, limit ${MAX_INDEX_BYTES}`,
    );
  }
  const scanner = new JsonScanner(await source.read(0, sizeBytes), name);
  const fileOf = new Map<string, string>();
  let hasWeightMap = false;
  let totalSize: number | null = null;
  scanner.object((key) => {
    if (key === 'weight_map') {
      if (hasWeightMap) scanner.fail('weight_map appears twice', 'DUPLICATE_NAME');
      hasWeightMap = true;
      parseWeightMap(scanner, fileOf);
    } else if (key === 'metadata') totalSize = parseTotalSize(scanner);
    else scanner.skip();
  });
  scanner.end();
  if (!hasWeightMap) throw new QuantscopeError('HEADER_INVALID', `${name}: the index has no weight_map`);
  if (fileOf.size === 0) throw new QuantscopeError('HEADER_INVALID', `${name}: the weight_map names no tensor`);
  const shards = [...new Set(fileOf.values())].sort();
  if (shards.length > MAX_SHARDS) {
    throw new QuantscopeError('COUNT_LIMIT', `${name}: ${shards.length} shards, limit ${MAX_SHARDS}`);
  }
  for (const shard of shards) refuseEscape(name, shard);
  const position = new Map(shards.map((shard, at) => [shard, at]));
  const weightMap = new Map<string, number>();
  for (const [tensor, shard] of fileOf) weightMap.set(tensor, position.get(shard) ?? 0);
  return { weightMap, shards, totalSize, bytesRead: source.bytesRead };
}

function parseWeightMap(scanner: JsonScanner, fileOf: Map<string, string>): void {
  /** One string object per shard instead of one per tensor. */
  const shared = new Map<string, string>();
  scanner.object((tensor) => {
    const shard = scanner.string();
    if (fileOf.has(tensor)) scanner.fail(`tensor ${quoteName(tensor)} appears twice`, 'DUPLICATE_NAME');
    if (fileOf.size === MAX_TENSORS) scanner.fail(`more than ${MAX_TENSORS} tensors`, 'COUNT_LIMIT');
    const known = shared.get(shard);
    if (known === undefined) shared.set(shard, shard);
    fileOf.set(tensor, known ?? shard);
  });
}

function parseTotalSize(scanner: JsonScanner): number | null {
  let totalSize: number | null = null;
  scanner.object((key) => {
    if (key !== 'total_size') return scanner.skip();
    const value = scanner.integer();
    totalSize = Number.isSafeInteger(value) ? value : null;
  });
  return totalSize;
}

/** A shard lies in the index's folder or below it, by its spelling; links in caches may point anywhere. */
function refuseEscape(index: string, shard: string): void {
  limitName(shard.length, MAX_NAME_BYTES, () => `${index}: the shard path ${quoteName(shard)}`);
  if (!spellsEscape(shard)) return;
  throw new QuantscopeError(
    'PATH_ESCAPE',
    `${index}: the shard path ${quoteName(shard)} leaves the folder of the index`,
  );
}

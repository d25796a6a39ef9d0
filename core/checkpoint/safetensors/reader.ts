// safetensors checkpoints: one file, shards with an index, or shards that only their names hold together.

import { basename, dirname, join } from 'node:path';
import { QuantscopeError } from '../../base/errors.ts';
import { MAX_SAFETENSORS_HEADER_BYTES, MAX_SHARDS, MAX_TENSORS, MAX_TOTAL_HEADER_BYTES } from '../../base/limits.ts';
import { pathExists } from '../../io/folder.ts';
import { NO_CONFIG, readModelConfig } from '../config.ts';
import type { FormatReader, ReadCheckpoint, StoredTensor } from '../format.ts';
import { mapBounded } from '../mapBounded.ts';
import { parseShardName, sameCheckpoint, shardName } from '../shardName.ts';
import { quoteName } from '../tensorName.ts';
import { readSafetensorsFile, type SafetensorsFile } from './file.ts';
import { readShardIndex, type ShardIndex } from './shardIndex.ts';

const INDEX_EXTENSION = '.safetensors.index.json';
/** Shards opened at once: hides latency on network drives without exhausting descriptors. */
const PARALLEL_SHARDS = 8;

export const safetensorsReader: FormatReader = {
  format: 'safetensors',
  extensions: [INDEX_EXTENSION, '.safetensors'],
  sniff(head) {
    // No magic number: a plausible header length, then JSON.
    if (head.length < 9) return 'no';
    const length = Buffer.from(head).readBigUInt64LE(0);
    if (length < 2n || length > BigInt(MAX_SAFETENSORS_HEADER_BYTES)) return 'no';
    return head[8] === 0x7b ? 'surely' : 'maybe';
  },
  choose: chooseSafetensors,
  readConfig: async ([first]) => (first === undefined ? NO_CONFIG : readModelConfig(first)),
  async read(paths, signal) {
    const [first] = paths;
    if (first === undefined) throw new QuantscopeError('INTERNAL', 'no safetensors file was named');
    const index = first.toLowerCase().endsWith(INDEX_EXTENSION) ? await readShardIndex(first, signal) : null;
    const files = index === null ? paths : index.shards.map((shard) => join(dirname(first), shard));
    if (index !== null) await refuseMissing(first, files);
    let headerBytes = 0;
    const parts = await mapBounded(files, PARALLEL_SHARDS, async (path, at) => {
      const part = await readSafetensorsFile(path, at, signal);
      headerBytes += part.headerBytes;
      if (headerBytes > MAX_TOTAL_HEADER_BYTES) {
        const fact = `the headers of all shards have more than ${MAX_TOTAL_HEADER_BYTES} bytes`;
        throw new QuantscopeError('HEADER_TOO_LARGE', `${basename(first)}: ${fact}`);
      }
      return part;
    });
    const merged = mergeParts(basename(first), parts);
    if (index !== null) merged.warnings.push(...compareIndex(basename(first), index, merged.tensors));
    else if (paths.length === 1) merged.warnings.push(...lonelyShard(first));
    return { ...merged, bytesRead: merged.bytesRead + (index?.bytesRead ?? 0) };
  },
};

function chooseSafetensors(folder: string, names: readonly string[]): readonly string[] | null {
  const indexes = names.filter((name) => name.toLowerCase().endsWith(INDEX_EXTENSION));
  const files = names.filter((name) => name.toLowerCase().endsWith('.safetensors'));
  const preferred = [`model${INDEX_EXTENSION}`, 'model.safetensors'].find((name) => names.includes(name));
  if (preferred !== undefined) return [preferred];
  if (indexes[0] !== undefined && indexes.length === 1) return [indexes[0]];
  if (files.length === 0 && indexes.length === 0) return null;
  if (files.length === 1) return files;
  if (!sameCheckpoint(files)) {
    const found = [...indexes, ...files].slice(0, 4).join(', ');
    throw new QuantscopeError(
      'FORMAT_UNKNOWN',
      `${basename(folder)}: several checkpoints (${found}, …), open one of them`,
    );
  }
  refuseIncomplete(folder, files);
  return files;
}

/** Without an index, only the names tell whether all shards are here. */
function refuseIncomplete(folder: string, files: readonly string[]): void {
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
  const fact = `${missing.length} of ${shards.length} shards are missing, the first is ${basename(missing[0])}`;
  throw new QuantscopeError('SHARD_MISSING', `${basename(index)}: ${fact}`);
}

function mergeParts(name: string, parts: readonly SafetensorsFile[]): ReadCheckpoint & { warnings: string[] } {
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
    warnings: [],
    bytesRead: parts.reduce((total, part) => total + part.bytesRead, 0),
  };
}

function refuseDuplicates(parts: readonly SafetensorsFile[]): void {
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
function compareIndex(name: string, index: ShardIndex, tensors: readonly StoredTensor[]): string[] {
  const warnings: string[] = [];
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor.file]));
  for (const [tensor, shard] of index.weightMap) {
    const file = found.get(tensor);
    if (file === shard) continue;
    const where = file === undefined ? 'which does not hold it' : `but it is in ${index.shards[file]}`;
    const fact = `tensor ${quoteName(tensor)} should be in ${index.shards[shard]}, ${where}`;
    throw new QuantscopeError('SHARD_MISMATCH', `${name}: ${fact}`);
  }
  const unlisted = tensors.length - index.weightMap.size;
  if (unlisted > 0) warnings.push(`${name}: ${unlisted} tensors of the shards are not in the index`);
  const bytes = tensors.reduce((total, tensor) => total + tensor.bytes, 0);
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

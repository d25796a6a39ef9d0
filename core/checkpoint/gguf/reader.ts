// GGUF checkpoints: one file, or a split whose every part leads to all of them.

import { basename, dirname, join } from 'node:path';
import { QuantscopeError } from '../../base/errors.ts';
import { MAX_NAME_BYTES, MAX_SHARDS, MAX_TENSORS, MAX_TOTAL_HEADER_BYTES } from '../../base/limits.ts';
import { pathExists } from '../../io/folder.ts';
import { NO_CONFIG } from '../config.ts';
import type { FormatReader, ReadCheckpoint } from '../format.ts';
import { mapBounded } from '../mapBounded.ts';
import { parseShardName, sameCheckpoint, shardName } from '../shardName.ts';
import { quoteName } from '../tensorName.ts';
import type { GgufKeyValue } from './details.ts';
import { GGUF_MAGIC, type GgufFile, readGgufFile } from './file.ts';
import { imatrixDetails, imatrixTensors, isImatrix } from './imatrix.ts';

const PARALLEL_PARTS = 4;

export const ggufReader: FormatReader = {
  format: 'gguf',
  extensions: ['.gguf'],
  sniff: (head) => (Buffer.from(head.subarray(0, 4)).toString('latin1') === GGUF_MAGIC ? 'surely' : 'no'),
  choose(folder, names) {
    const files = names.filter((name) => name.toLowerCase().endsWith('.gguf'));
    if (files.length <= 1 || sameCheckpoint(files)) return files[0] === undefined ? null : [files[0]];
    const found = files.slice(0, 4).join(', ');
    throw new QuantscopeError('FORMAT_UNKNOWN', `${basename(folder)}: several models (${found}, …), open one of them`);
  },
  readConfig: async () => NO_CONFIG,
  async read(paths, signal) {
    const [opened] = paths;
    if (opened === undefined) throw new QuantscopeError('INTERNAL', 'no GGUF file was named');
    const first = await readGgufFile(opened, 0, signal);
    const count = splitNumber(first, 'split.count');
    if (count === null || count < 2) return merge(basename(opened), [first]);
    const parts = await partPaths(opened, count);
    let headerBytes = 0;
    const files = await mapBounded(parts, PARALLEL_PARTS, async (path, at) => {
      // Reading the opened part again when it is not the first keeps file numbers simple; it costs one header.
      const part = path === opened && at === 0 ? first : await readGgufFile(path, at, signal);
      checkPart(part, at, count);
      headerBytes += part.headerBytes;
      if (headerBytes <= MAX_TOTAL_HEADER_BYTES) return part;
      const fact = `the headers of all parts have more than ${MAX_TOTAL_HEADER_BYTES} bytes`;
      throw new QuantscopeError('HEADER_TOO_LARGE', `${basename(opened)}: ${fact}`);
    });
    return merge(basename(opened), files);
  },
};

/** llama.cpp names parts from 1 on, all in one folder. @throws SHARD_MISSING, SHARD_MISMATCH, COUNT_LIMIT */
async function partPaths(opened: string, count: number): Promise<string[]> {
  const name = basename(opened);
  if (count > MAX_SHARDS) throw new QuantscopeError('COUNT_LIMIT', `${name}: ${count} parts, limit ${MAX_SHARDS}`);
  const part = parseShardName(name);
  if (part === null) {
    const fact = `is a part of ${count}, but its name does not end in -00001-of-${String(count).padStart(5, '0')}.gguf`;
    throw new QuantscopeError('SHARD_MISSING', `${name}: ${fact}, so the others cannot be found`);
  }
  if (part.count !== count) {
    throw new QuantscopeError(
      'SHARD_MISMATCH',
      `${name}: the name says ${part.count} parts, split.count says ${count}`,
    );
  }
  const paths = Array.from({ length: count }, (_, at) => join(dirname(opened), shardName(part, at + 1)));
  for (const path of paths) {
    if (await pathExists(path)) continue;
    throw new QuantscopeError('SHARD_MISSING', `${name}: the part ${basename(path)} of ${count} is missing`);
  }
  return paths;
}

function checkPart(part: GgufFile, at: number, count: number): void {
  const name = basename(part.file.path);
  const partCount = splitNumber(part, 'split.count');
  const number = splitNumber(part, 'split.no');
  if (partCount === count && (number === null || number === at)) return;
  const fact = `says it is part ${number === null ? 'unknown' : number + 1} of ${partCount ?? 'unknown'}`;
  throw new QuantscopeError('SHARD_MISMATCH', `${name}: ${fact}, expected ${at + 1} of ${count}`);
}

function merge(name: string, files: readonly GgufFile[]): ReadCheckpoint {
  const [first] = files;
  if (first === undefined) throw new QuantscopeError('INTERNAL', `${name}: no part was read`);
  const tensors = files.length === 1 ? first.tensors : files.flatMap((file) => file.tensors);
  if (tensors.length > MAX_TENSORS) {
    throw new QuantscopeError('COUNT_LIMIT', `${name}: ${tensors.length} tensors, limit ${MAX_TENSORS}`);
  }
  if (files.length > 1) {
    refuseDuplicates(name, files);
    const claimed = splitNumber(first, 'split.tensors.count');
    if (claimed !== null && claimed !== tensors.length) {
      const fact = `split.tensors.count says ${claimed}, the parts hold ${tensors.length}`;
      throw new QuantscopeError('SHARD_MISMATCH', `${name}: ${fact}`);
    }
  }
  const architecture = find(first, 'general.architecture');
  const imatrix = isImatrix(first.keyValues);
  return {
    files: files.map((file) => file.file),
    headerDigests: files.map((file) => file.headerDigest),
    metadata: lazyRecord(first.keyValues),
    tensors: imatrix ? imatrixTensors(tensors, first.bigEndian, name) : tensors,
    warnings: files.flatMap((file) => file.warnings),
    bytesRead: files.reduce((total, file) => total + file.bytesRead, 0),
    gguf: {
      version: first.version,
      alignment: first.alignment,
      bigEndian: first.bigEndian,
      keyValues: first.keyValues,
      architecture: architecture?.type === 'string' ? String(architecture.value).slice(0, MAX_NAME_BYTES) : null,
    },
    ...(imatrix ? { imatrix: imatrixDetails(first.keyValues) } : {}),
  };
}

function refuseDuplicates(opened: string, files: readonly GgufFile[]): void {
  const names = new Set<string>();
  for (const { tensors, file } of files) {
    for (const { name } of tensors) {
      if (names.has(name)) {
        const fact = `tensor ${quoteName(name)} is also in another part`;
        throw new QuantscopeError('DUPLICATE_NAME', `${opened}: ${basename(file.path)}: ${fact}`);
      }
      names.add(name);
    }
  }
}

/** Values are decoded when they are looked at; defining properties keeps a key "__proto__" data. */
function lazyRecord(keyValues: readonly GgufKeyValue[]): ReadCheckpoint['metadata'] {
  const record = {};
  for (const keyValue of keyValues) {
    Object.defineProperty(record, keyValue.key, { enumerable: true, get: () => keyValue.value });
  }
  return record;
}

function splitNumber(file: GgufFile, key: string): number | null {
  const value = find(file, key);
  if (value === undefined || value.items !== null || value.type === 'string') return null;
  return Number(value.value);
}

function find(file: GgufFile, key: string): GgufKeyValue | undefined {
  return file.keyValues.find((keyValue) => keyValue.key === key);
}

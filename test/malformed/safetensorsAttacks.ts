// One safetensors file or folder per way to be wrong.

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../core/base/errors.ts';
import {
  concatenate,
  joinSafetensors,
  safetensorsBytes,
  writeSafetensors,
  writeShardedSafetensors,
} from '../fixtures/writeSafetensors.ts';
import { type Attack, fileAttack } from './attack.ts';

const FILE = 'model.safetensors';
const tensor = (name: string) => ({ name, dtype: 'F32', shape: [2, 2], data: new Float32Array(4) });
const good = () => safetensorsBytes([tensor('a.weight'), tensor('b.weight')]);

/** A header as text with `dataBytes` zero bytes of data behind it. */
function header(name: string, code: ErrorCode, text: string | Uint8Array, dataBytes: number): Attack {
  return fileAttack(name, code, FILE, () => joinSafetensors(text, new Uint8Array(dataBytes)));
}

function withLength(length: bigint, rest: Uint8Array): Uint8Array {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, length, true);
  return concatenate([head, rest]);
}

const entry = (begin: number, end: number, shape = '[2,2]', dtype = 'F32'): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

/** Sharded folder with its index replaced. */
function indexed(name: string, code: ErrorCode, index: (folder: string) => string): Attack {
  return {
    name,
    code,
    write(folder) {
      writeShardedSafetensors(folder, [[tensor('a.weight')], [tensor('b.weight')]]);
      writeFileSync(join(folder, 'model.safetensors.index.json'), index(folder));
      return folder;
    },
  };
}

const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
const map = (first: string, second: string): string =>
  JSON.stringify({ metadata: {}, weight_map: { 'a.weight': first, 'b.weight': second } });

export const SAFETENSORS_ATTACKS: readonly Attack[] = [
  // The container
  fileAttack('st-empty', 'FILE_EMPTY', FILE, () => new Uint8Array(0)),
  fileAttack('st-five-bytes', 'HEADER_TRUNCATED', FILE, () => new Uint8Array(5)),
  fileAttack('st-length-only', 'HEADER_TRUNCATED', FILE, () => withLength(100n, new Uint8Array(0))),
  fileAttack('st-header-cut', 'HEADER_TRUNCATED', FILE, () => good().subarray(0, 40)),
  fileAttack('st-header-2^64-1', 'HEADER_TOO_LARGE', FILE, () => withLength(2n ** 64n - 1n, new Uint8Array(64))),
  fileAttack('st-header-over-100MB', 'HEADER_TOO_LARGE', FILE, () => withLength(100_000_001n, new Uint8Array(64))),
  fileAttack('st-header-zero', 'HEADER_INVALID', FILE, () => withLength(0n, new Uint8Array(64))),
  fileAttack('st-data-cut', 'TENSOR_OVERRUN', FILE, () => good().subarray(0, good().length - 1)),
  fileAttack('st-data-trailing', 'TENSOR_GAP', FILE, () => concatenate([good(), new Uint8Array(3)])),
  fileAttack('st-unknown-content', 'FORMAT_UNKNOWN', 'model.dat', () => new Uint8Array(64).fill(0xff)),
  fileAttack('st-lfs-pointer', 'LFS_POINTER', FILE, () =>
    new TextEncoder().encode(
      `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 4792272488\n`,
    ),
  ),

  // JSON
  header('st-json-open', 'HEADER_INVALID', `{"a":${entry(0, 16)}`, 16),
  header('st-json-array', 'HEADER_INVALID', '[]', 0),
  header('st-json-leading-space', 'HEADER_INVALID', ` {"a":${entry(0, 16)}}`, 16),
  header('st-json-second-value', 'HEADER_INVALID', `{"a":${entry(0, 16)}}{}`, 16),
  header('st-json-trailing-comma', 'HEADER_INVALID', `{"a":${entry(0, 16)},}`, 16),
  header('st-json-deep', 'HEADER_INVALID', `{"a":{"x":${'['.repeat(50_000)}`, 0),
  header('st-json-deep-objects', 'HEADER_INVALID', `{"a":${'{"x":'.repeat(50_000)}`, 0),
  header('st-json-raw-control', 'HEADER_INVALID', `{"a\u0001":${entry(0, 16)}}`, 16),
  header('st-json-bad-escape', 'HEADER_INVALID', `{"a\\q":${entry(0, 16)}}`, 16),
  header('st-json-entry-is-number', 'HEADER_INVALID', '{"a":1}', 0),
  header('st-metadata-not-strings', 'HEADER_INVALID', '{"__metadata__":{"a":1}}', 0),
  header('st-metadata-twice', 'DUPLICATE_NAME', '{"__metadata__":{"a":"1"},"__metadata__":{"a":"2"}}', 0),
  header('st-metadata-key-twice', 'DUPLICATE_NAME', '{"__metadata__":{"a":"1","a":"2"}}', 0),
  header(
    'st-metadata-key-long-twice',
    'DUPLICATE_NAME',
    `{"__metadata__":{"${'k'.repeat(9000)}":"","${'k'.repeat(9000)}":""}}`,
    0,
  ),
  header('st-number-endless', 'HEADER_INVALID', `{"a":{"x":1.${'0'.repeat(100_000)}}}`, 0),
  header('st-no-dtype', 'HEADER_INVALID', '{"a":{"shape":[4],"data_offsets":[0,16]}}', 16),
  header('st-no-shape', 'HEADER_INVALID', '{"a":{"dtype":"F32","data_offsets":[0,16]}}', 16),
  header('st-no-offsets', 'HEADER_INVALID', '{"a":{"dtype":"F32","shape":[4]}}', 16),
  header('st-shape-twice', 'HEADER_INVALID', '{"a":{"dtype":"F32","shape":[4],"shape":[4],"data_offsets":[0,16]}}', 16),
  header('st-one-offset', 'HEADER_INVALID', '{"a":{"dtype":"F32","shape":[4],"data_offsets":[0]}}', 16),
  header('st-three-offsets', 'COUNT_LIMIT', '{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16,32]}}', 16),
  header('st-negative-offset', 'HEADER_INVALID', '{"a":{"dtype":"F32","shape":[4],"data_offsets":[-16,0]}}', 16),
  header('st-fractional-offset', 'HEADER_INVALID', '{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16.5]}}', 16),
  header('st-number-leading-zero', 'HEADER_INVALID', '{"a":{"dtype":"F32","shape":[04],"data_offsets":[0,16]}}', 16),

  // Names
  header('st-name-twice', 'DUPLICATE_NAME', `{"a":${entry(0, 16)},"a":${entry(16, 32)}}`, 32),
  header('st-name-twice-escaped', 'DUPLICATE_NAME', `{"a":${entry(0, 16)},"\\u0061":${entry(16, 32)}}`, 32),
  header('st-name-long', 'NAME_INVALID', `{"${'n'.repeat(5000)}":${entry(0, 16)}}`, 16),
  header('st-name-half-surrogate', 'NAME_INVALID', `{"\\ud800":${entry(0, 16)}}`, 16),
  header(
    'st-name-not-utf8',
    'NAME_INVALID',
    concatenate([
      new TextEncoder().encode('{"'),
      Uint8Array.of(0xff, 0xfe),
      new TextEncoder().encode(`":${entry(0, 16)}}`),
    ]),
    16,
  ),

  // Types, shapes, layout
  header('st-dtype-unknown', 'DTYPE_UNKNOWN', `{"a":${entry(0, 16, '[4]', 'F128')}}`, 16),
  header('st-dtype-gguf-block', 'DTYPE_UNKNOWN', `{"a":${entry(0, 18, '[32]', 'Q4_0')}}`, 18),
  header('st-dtype-packed', 'DTYPE_UNKNOWN', `{"a":${entry(0, 16, '[32]', 'INT4')}}`, 16),
  header('st-dtype-c128', 'DTYPE_UNKNOWN', `{"a":${entry(0, 64, '[4]', 'C128')}}`, 64),
  header('st-dtype-prototype', 'DTYPE_UNKNOWN', `{"a":${entry(0, 16, '[4]', 'constructor')}}`, 16),
  header('st-shape-too-small', 'SHAPE_INVALID', `{"a":${entry(0, 16, '[2]')}}`, 16),
  header('st-shape-too-large', 'SHAPE_INVALID', `{"a":${entry(0, 16, '[2,3]')}}`, 16),
  header('st-shape-negative', 'SHAPE_INVALID', `{"a":${entry(0, 16, '[-2,-2]')}}`, 16),
  header('st-shape-fraction', 'SHAPE_INVALID', `{"a":${entry(0, 16, '[1.5]')}}`, 16),
  header('st-shape-overflow-to-4', 'SHAPE_INVALID', `{"a":${entry(0, 16, '[4611686018427387905,4]')}}`, 16),
  header('st-shape-product-overflow', 'SHAPE_INVALID', `{"a":${entry(0, 16, '[4294967296,4294967296]')}}`, 16),
  header('st-shape-rank', 'COUNT_LIMIT', `{"a":${entry(0, 16, `[${Array(65).fill(1)}]`)}}`, 16),
  header('st-f4-odd', 'SHAPE_INVALID', `{"a":${entry(0, 2, '[3]', 'F4')}}`, 2),
  header('st-end-before-begin', 'HEADER_INVALID', `{"a":${entry(16, 0)}}`, 16),
  header('st-overrun', 'TENSOR_OVERRUN', `{"a":${entry(0, 16)},"b":${entry(16, 32)}}`, 24),
  header(
    'st-overrun-2^63',
    'TENSOR_OVERRUN',
    '{"a":{"dtype":"U8","shape":[1],"data_offsets":[9223372036854775807,9223372036854775808]}}',
    1,
  ),
  header('st-overlap', 'TENSOR_OVERLAP', `{"a":${entry(0, 16)},"b":${entry(8, 24)}}`, 24),
  header('st-overlap-same', 'TENSOR_OVERLAP', `{"a":${entry(0, 16)},"b":${entry(0, 16)}}`, 16),
  header('st-gap', 'TENSOR_GAP', `{"a":${entry(0, 16)},"b":${entry(20, 36)}}`, 36),
  header('st-gap-first', 'TENSOR_GAP', `{"a":${entry(4, 20)}}`, 20),

  // Shards
  indexed('index-empty', 'FILE_EMPTY', () => ''),
  indexed('index-not-json', 'HEADER_INVALID', () => 'weights'),
  indexed('index-no-map', 'HEADER_INVALID', () => '{"metadata":{}}'),
  indexed('index-map-empty', 'HEADER_INVALID', () => '{"weight_map":{}}'),
  indexed('index-map-numbers', 'HEADER_INVALID', () => '{"weight_map":{"a.weight":1}}'),
  indexed(
    'index-name-twice',
    'DUPLICATE_NAME',
    () => `{"weight_map":{"a.weight":"${SHARDS[0]}","a.weight":"${SHARDS[1]}"}}`,
  ),
  indexed('index-shard-missing', 'SHARD_MISSING', () => map(SHARDS[0], 'model-00003-of-00002.safetensors')),
  indexed('index-wrong-shard', 'SHARD_MISMATCH', () => map(SHARDS[1], SHARDS[0])),
  indexed('index-tensor-nowhere', 'SHARD_MISMATCH', () =>
    JSON.stringify({ weight_map: { 'a.weight': SHARDS[0], 'b.weight': SHARDS[1], 'c.weight': SHARDS[1] } }),
  ),
  indexed('index-parent', 'PATH_ESCAPE', () => map(SHARDS[0], '../secret.safetensors')),
  indexed('index-parent-inside', 'PATH_ESCAPE', () => map(SHARDS[0], 'sub/../../secret.safetensors')),
  indexed('index-absolute', 'PATH_ESCAPE', () => map(SHARDS[0], '/etc/passwd')),
  indexed('index-drive', 'PATH_ESCAPE', () => map(SHARDS[0], 'C:secret.safetensors')),
  indexed('index-backslash', 'PATH_ESCAPE', () => map(SHARDS[0], '..\\secret.safetensors')),
  indexed('index-shard-path-long', 'NAME_INVALID', () => map(SHARDS[0], `${'s'.repeat(9000)}.safetensors`)),
  indexed('index-nul', 'PATH_ESCAPE', () => map(SHARDS[0], 'a\0b.safetensors')),
  indexed('index-shard-cut', 'TENSOR_OVERRUN', (folder) => {
    const path = join(folder, SHARDS[1]);
    truncateSync(path, statSync(path).size - 1);
    return map(SHARDS[0], SHARDS[1]);
  }),
  indexed('index-duplicate-across', 'DUPLICATE_NAME', (folder) => {
    writeSafetensors(join(folder, SHARDS[1]), [tensor('a.weight'), tensor('b.weight')]);
    return map(SHARDS[0], SHARDS[1]);
  }),
  indexed('index-dangling-link', 'SHARD_MISSING', (folder) => {
    rmSync(join(folder, SHARDS[1]));
    symlinkSync(join(folder, 'nothing'), join(folder, SHARDS[1]));
    return map(SHARDS[0], SHARDS[1]);
  }),
  indexed('index-shard-is-folder', 'FILE_UNREADABLE', (folder) => {
    rmSync(join(folder, SHARDS[1]));
    mkdirSync(join(folder, SHARDS[1]));
    return map(SHARDS[0], SHARDS[1]);
  }),
  {
    name: 'folder-shard-missing-no-index',
    code: 'SHARD_MISSING',
    write(folder) {
      writeSafetensors(join(folder, 'model-00001-of-00003.safetensors'), [tensor('a')]);
      writeSafetensors(join(folder, 'model-00003-of-00003.safetensors'), [tensor('b')]);
      return folder;
    },
  },
  {
    name: 'folder-two-models',
    code: 'FORMAT_UNKNOWN',
    write(folder) {
      writeSafetensors(join(folder, 'first.safetensors'), [tensor('a')]);
      writeSafetensors(join(folder, 'second.safetensors'), [tensor('a')]);
      return folder;
    },
  },
  { name: 'folder-empty', code: 'FORMAT_UNKNOWN', write: (folder) => folder },
  { name: 'nothing-there', code: 'FILE_NOT_FOUND', write: (folder) => join(folder, 'none.safetensors') },
  {
    name: 'named-pipe',
    code: 'FILE_UNREADABLE',
    write(folder) {
      const path = join(folder, FILE);
      spawnSync('mkfifo', [path]);
      return path;
    },
  },
  {
    name: 'link-loop',
    code: 'FILE_UNREADABLE',
    write(folder) {
      const path = join(folder, FILE);
      symlinkSync(path, path);
      return path;
    },
  },
];

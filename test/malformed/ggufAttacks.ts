// One GGUF file or split per way to be wrong.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../core/base/errors.ts';
import { type FixtureMetadata, ggufBytes, ggufKeyValue, ggufTensorInfo, writeGguf } from '../fixtures/writeGguf.ts';
import { concatenate } from '../fixtures/writeSafetensors.ts';
import { type Attack, fileAttack } from './attack.ts';

const FILE = 'model.gguf';
const F32 = 0;
const Q4_0 = 2;
const tensor = (name: string) => ({ name, dtype: 'F32', shape: [4, 8], data: new Float32Array(32) });
const good = () => ggufBytes([tensor('blk.0.a.weight'), tensor('blk.1.a.weight')], { 'general.architecture': 'llama' });

const foreign = () => ggufBytes([tensor('blk.0.a.weight')], { 'general.architecture': 'llama' }, { bigEndian: true });

interface Raw {
  version?: number;
  tensorCount?: bigint;
  keyCount?: bigint;
  keyValues?: readonly Uint8Array[];
  infos?: readonly Uint8Array[];
  dataBytes?: number;
}

/** A file put together by hand; counts default to what is there, data begins at the next multiple of 32. */
function raw({ version = 3, tensorCount, keyCount, keyValues = [], infos = [], dataBytes = 0 }: Raw): Uint8Array {
  const head = new Uint8Array(24);
  head.set(new TextEncoder().encode('GGUF'));
  const view = new DataView(head.buffer);
  view.setUint32(4, version, true);
  view.setBigUint64(8, tensorCount ?? BigInt(infos.length), true);
  view.setBigUint64(16, keyCount ?? BigInt(keyValues.length), true);
  const whole = concatenate([head, ...keyValues, ...infos]);
  return concatenate([whole, new Uint8Array(Math.ceil(whole.length / 32) * 32 - whole.length + dataBytes)]);
}

function bytes(name: string, code: ErrorCode, build: () => Uint8Array): Attack {
  return fileAttack(name, code, FILE, build);
}

/** A key-value whose bytes are given from the value type on. */
function keyThen(key: string, ...words: (number | bigint)[]): Uint8Array {
  const parts = words.map((word) => {
    const part = new Uint8Array(typeof word === 'bigint' ? 8 : 4);
    const view = new DataView(part.buffer);
    if (typeof word === 'bigint') view.setBigUint64(0, word, true);
    else view.setUint32(0, word, true);
    return part;
  });
  const name = new TextEncoder().encode(key);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(name.length), true);
  return concatenate([length, name, ...parts]);
}

/** A key-value of a big-endian file whose string claims `length` bytes. */
function bigEndianString(length: bigint): Uint8Array {
  const record = ggufKeyValue('k', '', true);
  new DataView(record.buffer).setBigUint64(record.length - 8, length, false);
  return record;
}

const STRING = 8;
const ARRAY = 9;
const U8 = 0;
const info = (name: string, offset: number | bigint, dimensions: readonly (number | bigint)[] = [8, 4], type = F32) =>
  ggufTensorInfo(name, dimensions, type, offset);

/** Parts of a split; returns the path of the first. */
function split(
  name: string,
  code: ErrorCode,
  parts: readonly { file: string; tensors: readonly string[]; metadata: FixtureMetadata }[],
): Attack {
  return {
    name,
    code,
    write(folder) {
      for (const { file, tensors, metadata } of parts) writeGguf(join(folder, file), tensors.map(tensor), metadata);
      return join(folder, parts[0]?.file ?? FILE);
    },
  };
}

const u16 = (value: number) => ({ type: 'u16', value }) as const;
const i32 = (value: number) => ({ type: 'i32', value }) as const;
const part = (no: number, count: number, total: number): FixtureMetadata => ({
  'split.no': u16(no),
  'split.count': u16(count),
  'split.tensors.count': i32(total),
});

export const GGUF_ATTACKS: readonly Attack[] = [
  // The container
  bytes('gguf-empty', 'FILE_EMPTY', () => new Uint8Array(0)),
  bytes('gguf-magic-only', 'HEADER_TRUNCATED', () => new TextEncoder().encode('GGUF')),
  bytes('gguf-wrong-magic', 'FORMAT_UNKNOWN', () => new TextEncoder().encode('GGJT0123456789abcdefghij')),
  bytes('gguf-three-bytes', 'FORMAT_UNKNOWN', () => new TextEncoder().encode('GGU')),
  bytes('gguf-version-1', 'VERSION_UNSUPPORTED', () => raw({ version: 1 })),
  bytes('gguf-version-4', 'VERSION_UNSUPPORTED', () => raw({ version: 4 })),
  bytes('gguf-version-0', 'VERSION_UNSUPPORTED', () => raw({ version: 0 })),
  bytes('gguf-big-endian-version-4', 'VERSION_UNSUPPORTED', () => raw({ version: 0x04000000 })),
  bytes('gguf-big-endian-tensors-2^32', 'COUNT_LIMIT', () => raw({ version: 0x03000000, tensorCount: 0x01000000n })),
  bytes('gguf-big-endian-keys-2^56', 'COUNT_LIMIT', () => raw({ version: 0x03000000, keyCount: 1n })),
  bytes('gguf-big-endian-cut', 'TENSOR_OVERRUN', () => foreign().subarray(0, foreign().length - 40)),
  bytes('gguf-big-endian-string-too-long', 'HEADER_TRUNCATED', () =>
    raw({ version: 0x03000000, keyCount: 1n << 56n, keyValues: [bigEndianString(2n ** 40n)] }),
  ),
  bytes('gguf-cut-in-counts', 'HEADER_TRUNCATED', () => good().subarray(0, 20)),
  bytes('gguf-cut-in-keys', 'HEADER_TRUNCATED', () => good().subarray(0, 50)),
  bytes('gguf-cut-in-infos', 'HEADER_TRUNCATED', () => good().subarray(0, 130)),
  bytes('gguf-cut-in-data', 'TENSOR_OVERRUN', () => good().subarray(0, good().length - 40)),
  bytes('gguf-lfs-pointer', 'LFS_POINTER', () =>
    new TextEncoder().encode(`version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 7\n`),
  ),

  // Counts
  bytes('gguf-tensors-2^64-1', 'COUNT_LIMIT', () => raw({ tensorCount: 2n ** 64n - 1n })),
  bytes('gguf-tensors-2^63', 'COUNT_LIMIT', () => raw({ tensorCount: 2n ** 63n })),
  bytes('gguf-tensors-a-billion', 'COUNT_LIMIT', () => raw({ tensorCount: 10n ** 9n })),
  bytes('gguf-keys-2^64-1', 'COUNT_LIMIT', () => raw({ keyCount: 2n ** 64n - 1n })),
  bytes('gguf-keys-a-million', 'COUNT_LIMIT', () => raw({ keyCount: 10n ** 6n })),
  bytes('gguf-array-2^60-strings', 'COUNT_LIMIT', () => raw({ keyValues: [keyThen('k', ARRAY, STRING, 2n ** 60n)] })),
  bytes('gguf-array-2^64-1-bytes', 'COUNT_LIMIT', () => raw({ keyValues: [keyThen('k', ARRAY, U8, 2n ** 64n - 1n)] })),
  bytes('gguf-array-count-wraps', 'COUNT_LIMIT', () =>
    raw({ keyValues: [keyThen('k', ARRAY, STRING, 2n ** 61n + 1n)] }),
  ),

  bytes('gguf-array-too-many-items', 'COUNT_LIMIT', () =>
    raw({ keyValues: [keyThen('k', ARRAY, U8, 4_000_001n)], dataBytes: 4_100_000 }),
  ),
  bytes('gguf-array-too-many-arrays', 'COUNT_LIMIT', () =>
    raw({ keyValues: [keyThen('k', ARRAY, ARRAY, 65_537n)], dataBytes: 900_000 }),
  ),

  // Key-values
  bytes('gguf-string-2^64-1', 'HEADER_TRUNCATED', () => raw({ keyValues: [keyThen('k', STRING, 2n ** 64n - 1n)] })),
  bytes('gguf-string-too-long', 'HEADER_TRUNCATED', () => raw({ keyValues: [keyThen('k', STRING, 10_000n)] })),
  bytes('gguf-array-string-too-long', 'HEADER_TRUNCATED', () =>
    raw({ keyValues: [keyThen('k', ARRAY, STRING, 1n, 2n ** 40n)], dataBytes: 64 }),
  ),
  bytes('gguf-key-2^64-1', 'NAME_INVALID', () =>
    raw({ keyCount: 1n, infos: [new Uint8Array(64).fill(0xff)], tensorCount: 0n }),
  ),
  bytes('gguf-key-not-utf8', 'NAME_INVALID', () => {
    const keyValue = ggufKeyValue('kk', 1);
    keyValue.set([0xff, 0xfe], 8);
    return raw({ keyValues: [keyValue] });
  }),
  bytes('gguf-key-twice', 'DUPLICATE_NAME', () => raw({ keyValues: [ggufKeyValue('k', 1), ggufKeyValue('k', 2)] })),
  bytes('gguf-value-type-99', 'HEADER_INVALID', () => raw({ keyValues: [keyThen('k', 99, 0n)] })),
  bytes('gguf-item-type-99', 'HEADER_INVALID', () => raw({ keyValues: [keyThen('k', ARRAY, 99, 0n)] })),
  bytes('gguf-arrays-nested-deep', 'HEADER_INVALID', () => {
    const nesting: (number | bigint)[] = [ARRAY];
    for (let depth = 0; depth < 5000; depth++) nesting.push(ARRAY, 1n);
    return raw({ keyValues: [keyThen('k', ...nesting, U8, 0n)] });
  }),
  bytes('gguf-alignment-0', 'HEADER_INVALID', () => raw({ keyValues: [ggufKeyValue('general.alignment', 0)] })),
  bytes('gguf-alignment-24', 'HEADER_INVALID', () => raw({ keyValues: [ggufKeyValue('general.alignment', 24)] })),
  bytes('gguf-alignment-2^31', 'HEADER_INVALID', () =>
    raw({ keyValues: [ggufKeyValue('general.alignment', 2 ** 31)] }),
  ),
  bytes('gguf-alignment-text', 'HEADER_INVALID', () => raw({ keyValues: [ggufKeyValue('general.alignment', '32')] })),

  // Tensors
  bytes('gguf-name-twice', 'DUPLICATE_NAME', () => raw({ infos: [info('a', 0), info('a', 128)], dataBytes: 256 })),
  bytes('gguf-name-long', 'NAME_INVALID', () => raw({ infos: [info('n'.repeat(2000), 0)], dataBytes: 128 })),
  bytes('gguf-name-not-utf8', 'NAME_INVALID', () => {
    const bad = info('aa', 0);
    bad.set([0xc0, 0x80], 8);
    return raw({ infos: [bad], dataBytes: 128 });
  }),
  bytes('gguf-five-dimensions', 'SHAPE_INVALID', () => raw({ infos: [info('a', 0, [1, 1, 1, 1, 1])], dataBytes: 32 })),
  bytes('gguf-dimensions-2^32-1', 'SHAPE_INVALID', () => {
    const bad = info('a', 0);
    bad.fill(0xff, 9, 13);
    return raw({ infos: [bad], dataBytes: 128 });
  }),
  bytes('gguf-dimension-negative', 'SHAPE_INVALID', () =>
    raw({ infos: [info('a', 0, [2n ** 64n - 8n])], dataBytes: 32 }),
  ),
  bytes('gguf-shape-overflow', 'SHAPE_INVALID', () =>
    raw({ infos: [info('a', 0, [2n ** 32n, 2n ** 32n])], dataBytes: 32 }),
  ),
  bytes('gguf-bytes-overflow', 'SHAPE_INVALID', () => raw({ infos: [info('a', 0, [2n ** 52n])], dataBytes: 32 })),
  bytes('gguf-row-not-blocks', 'SHAPE_INVALID', () => raw({ infos: [info('a', 0, [33, 32], Q4_0)], dataBytes: 640 })),
  bytes('gguf-type-999', 'DTYPE_UNKNOWN', () => raw({ infos: [info('a', 0, [32], 999)], dataBytes: 128 })),
  bytes('gguf-type-retired', 'DTYPE_UNKNOWN', () => raw({ infos: [info('a', 0, [32], 4)], dataBytes: 128 })),
  bytes('gguf-overrun', 'TENSOR_OVERRUN', () => raw({ infos: [info('a', 0, [64, 64])], dataBytes: 128 })),
  bytes('gguf-offset-2^62', 'TENSOR_OVERRUN', () => raw({ infos: [info('a', 2n ** 62n)], dataBytes: 128 })),
  bytes('gguf-offset-unaligned', 'HEADER_INVALID', () => raw({ infos: [info('a', 8)], dataBytes: 192 })),
  bytes('gguf-overlap', 'TENSOR_OVERLAP', () => raw({ infos: [info('a', 0), info('b', 96)], dataBytes: 256 })),
  bytes('gguf-overlap-same', 'TENSOR_OVERLAP', () => raw({ infos: [info('a', 0), info('b', 0)], dataBytes: 256 })),
  bytes('gguf-gap', 'TENSOR_GAP', () => raw({ infos: [info('a', 0), info('b', 160)], dataBytes: 320 })),

  // Splits
  split('split-part-missing', 'SHARD_MISSING', [
    { file: 'm-00001-of-00002.gguf', tensors: ['a'], metadata: part(0, 2, 2) },
  ]),
  split('split-renamed', 'SHARD_MISSING', [{ file: 'renamed.gguf', tensors: ['a'], metadata: part(0, 2, 2) }]),
  split('split-name-and-count-differ', 'SHARD_MISMATCH', [
    { file: 'm-00001-of-00003.gguf', tensors: ['a'], metadata: part(0, 2, 2) },
  ]),
  split('split-number-wrong', 'SHARD_MISMATCH', [
    { file: 'm-00001-of-00002.gguf', tensors: ['a'], metadata: part(0, 2, 2) },
    { file: 'm-00002-of-00002.gguf', tensors: ['b'], metadata: part(0, 2, 2) },
  ]),
  split('split-tensor-count-wrong', 'SHARD_MISMATCH', [
    { file: 'm-00001-of-00002.gguf', tensors: ['a'], metadata: part(0, 2, 9) },
    { file: 'm-00002-of-00002.gguf', tensors: ['b'], metadata: part(1, 2, 9) },
  ]),
  split('split-duplicate', 'DUPLICATE_NAME', [
    { file: 'm-00001-of-00002.gguf', tensors: ['a'], metadata: part(0, 2, 2) },
    { file: 'm-00002-of-00002.gguf', tensors: ['a'], metadata: part(1, 2, 2) },
  ]),
  split('split-65535-parts', 'COUNT_LIMIT', [
    { file: 'm-00001-of-65535.gguf', tensors: ['a'], metadata: part(0, 65_535, 1) },
  ]),
  {
    name: 'split-second-is-text',
    code: 'FORMAT_UNKNOWN',
    write(folder) {
      const path = join(folder, 'm-00001-of-00002.gguf');
      writeGguf(path, [tensor('a')], part(0, 2, 2));
      writeFileSync(join(folder, 'm-00002-of-00002.gguf'), 'this is not a model at all');
      return path;
    },
  },
  {
    name: 'gguf-folder-two-models',
    code: 'FORMAT_UNKNOWN',
    write(folder) {
      writeGguf(join(folder, 'one.gguf'), [tensor('a')]);
      writeGguf(join(folder, 'two.gguf'), [tensor('a')]);
      return folder;
    },
  },
];

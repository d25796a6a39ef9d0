// GGUF: versions, value types, splits, verbatim key-values; pages of the header only.

import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { DTYPE_NAMES, dtypeInfo } from '../../../core/tensor/dtype.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type FixtureMetadata, ggufBytes, ggufKeyValue, writeGguf } from '../../fixtures/writeGguf.ts';

const folder = temporaryFolder();
const f32 = (name: string, rows = 2, columns = 4) => ({
  name,
  dtype: 'F32',
  shape: [rows, columns],
  data: Float32Array.from({ length: rows * columns }, (_, at) => at),
});

const METADATA: FixtureMetadata = {
  'general.architecture': 'llama',
  'a.u8': { type: 'u8', value: 200 },
  'a.i8': { type: 'i8', value: -5 },
  'a.u16': { type: 'u16', value: 60_000 },
  'a.i16': { type: 'i16', value: -6 },
  'a.u32': { type: 'u32', value: 4_000_000_000 },
  'a.i32': { type: 'i32', value: -7 },
  'a.f32': { type: 'f32', value: 0.5 },
  'a.bool': true,
  'a.u64': { type: 'u64', value: 2n ** 63n + 1n },
  'a.i64': { type: 'i64', value: -(2n ** 62n) },
  'a.f64': { type: 'f64', value: 0.1 },
  'a.strings': ['one', '', 'drei 🙂'],
  'a.floats': { type: 'array', items: 'f32', value: [0.25, -1] },
  'a.none': { type: 'array', items: 'string', value: [] },
  __proto: 'kept',
};

describe('one file', () => {
  test('every value type', async () => {
    const path = join(folder, 'values.gguf');
    writeGguf(path, [f32('blk.0.attn_q.weight')], METADATA);
    const { metadata, gguf, model } = await openCheckpoint(path);
    expect({ ...metadata }).toEqual({
      'general.architecture': 'llama',
      'a.u8': 200,
      'a.i8': -5,
      'a.u16': 60_000,
      'a.i16': -6,
      'a.u32': 4_000_000_000,
      'a.i32': -7,
      'a.f32': 0.5,
      'a.bool': true,
      'a.u64': 2n ** 63n + 1n,
      'a.i64': -(2n ** 62n),
      'a.f64': 0.1,
      'a.strings': ['one', '', 'drei 🙂'],
      'a.floats': [0.25, -1],
      'a.none': [],
      __proto: 'kept',
    });
    expect(gguf).toMatchObject({ version: 3, alignment: 32, architecture: 'llama' });
    expect(model).toEqual({ architecture: 'llama', layers: 1 });
    expect(gguf?.keyValues.find(({ key }) => key === 'a.strings')?.items).toEqual({ type: 'string', count: 3 });
    expect(gguf?.keyValues.find(({ key }) => key === 'a.strings')?.preview(2)).toEqual(['one', '']);
  });

  test('records are found byte for byte', async () => {
    const path = join(folder, 'records.gguf');
    writeGguf(path, [f32('t')], METADATA);
    const { gguf } = await openCheckpoint(path);
    const file = readFileSync(path);
    for (const { key, offset, bytes } of gguf?.keyValues ?? []) {
      expect(file.subarray(offset, offset + bytes)).toEqual(Buffer.from(ggufKeyValue(key, METADATA[key] ?? '')));
    }
    expect(gguf?.keyValues.map(({ key }) => key)).toEqual(Object.keys(METADATA));
  });

  test('a big-endian file says the same', async () => {
    const little = join(folder, 'little.gguf');
    const big = join(folder, 'big.gguf');
    const q8 = { name: 'blk.0.ffn_up.weight', dtype: 'Q8_0', shape: [3, 64], data: new Uint8Array(6 * 34) };
    const tensors = [f32('blk.0.attn_q.weight'), q8, { ...f32('scalar'), shape: [], data: new Float32Array(1) }];
    writeGguf(little, tensors, METADATA, { alignment: 64 });
    writeGguf(big, tensors, METADATA, { alignment: 64, bigEndian: true });
    const [expected, opened] = [await openCheckpoint(little), await openCheckpoint(big)];
    expect({ ...opened.metadata }).toEqual({ ...expected.metadata });
    expect(opened.gguf).toMatchObject({ version: 3, alignment: 64, architecture: 'llama', bigEndian: true });
    expect(expected.gguf?.bigEndian).toBe(false);
    expect(opened.tensors.map(({ storage: _, ...tensor }) => tensor)).toEqual(expected.tensors);
    expect(opened.tensors.map(({ storage }) => storage)).toEqual(
      expected.tensors.map(({ dtype, shape, file, offset, bytes }) => ({
        kind: 'strided',
        extent: { file, offset, bytes },
        dtype,
        bigEndian: true,
        start: 0,
        shape,
        strides: shape.length === 2 ? [shape[1], 1] : [],
      })),
    );
    expect(opened.gguf?.keyValues.find(({ key }) => key === 'a.strings')?.preview(2)).toEqual(['one', '']);
  });

  test('nested arrays are kept', async () => {
    // array of 2 arrays of u8: [[7], [8, 9]]
    const words = [9, 9, 2n, 0, 1n];
    const head = ggufKeyValue('nest', 0).subarray(0, 12);
    const parts = words.map((word) => {
      const part = Buffer.alloc(typeof word === 'bigint' ? 8 : 4);
      if (typeof word === 'bigint') part.writeBigUInt64LE(word);
      else part.writeUInt32LE(word);
      return part;
    });
    const second = Buffer.from([0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 8, 9]);
    const counts = Buffer.alloc(24);
    counts.write('GGUF');
    counts.writeUInt32LE(3, 4);
    counts.writeBigUInt64LE(1n, 16);
    const path = join(folder, 'nested.gguf');
    writeFileSync(path, Buffer.concat([counts, head, ...parts, Buffer.from([7]), second]));
    expect((await openCheckpoint(path)).metadata.nest).toEqual([[7], [8, 9]]);
  });

  test.each([2, 3])('version %i, shapes reversed, data where it says', async (version) => {
    const path = join(folder, `v${version}.gguf`);
    const tensor = f32('second', 3, 5);
    writeGguf(path, [f32('first', 1, 3), tensor], {}, { version, alignment: 64 });
    const { tensors, gguf } = await openCheckpoint(path);
    expect(gguf).toMatchObject({ version, alignment: 64 });
    const found = tensors[1];
    expect(found).toMatchObject({ name: 'second', shape: [3, 5], elements: 15, bytes: 60 });
    const bytes = readFileSync(path).subarray(found?.offset, (found?.offset ?? 0) + (found?.bytes ?? 0));
    expect(new Float32Array(new Uint8Array(bytes).buffer)).toEqual(tensor.data);
  });

  test('every tensor type with its size', async () => {
    const types = DTYPE_NAMES.filter((name) => dtypeInfo(name).ggml !== undefined);
    const path = join(folder, 'types.gguf');
    writeGguf(
      path,
      types.map((dtype) => {
        const { blockBytes, blockElements } = dtypeInfo(dtype);
        return { name: `t.${dtype}`, dtype, shape: [3, blockElements], data: new Uint8Array(3 * blockBytes) };
      }),
    );
    const { tensors } = await openCheckpoint(path);
    expect(tensors.map((tensor) => [tensor.dtype, tensor.bytes])).toEqual(
      types.map((dtype) => [dtype, 3 * dtypeInfo(dtype).blockBytes]),
    );
  });

  test('scalars, empty tensors, missing last padding', async () => {
    const path = join(folder, 'edges.gguf');
    const empty = { name: 'none', dtype: 'F32', shape: [0, 4], data: new Float32Array(0) };
    const scalar = { name: 'one', dtype: 'F32', shape: [], data: new Float32Array(1) };
    const bytes = ggufBytes([empty, scalar]);
    writeFileSync(path, bytes.subarray(0, bytes.length - 28));
    const { tensors, warnings } = await openCheckpoint(path);
    expect(tensors.map((tensor) => tensor.elements)).toEqual([0, 1]);
    expect(warnings).toEqual([]);
  });

  test('what llama.cpp would refuse or ignore is told', async () => {
    const path = join(folder, 'warnings.gguf');
    writeGguf(path, [f32('n'.repeat(64))]);
    truncateSync(path, readFileSync(path).length + 100);
    const { warnings } = await openCheckpoint(path);
    expect(warnings.join()).toMatch(/100 bytes after the last tensor.*64 bytes and more/);
  });

  test('a vocabulary of 60,000 is decoded only when asked for, and the data is not read', async () => {
    const path = join(folder, 'vocabulary.gguf');
    const tokens = Array.from({ length: 60_000 }, (_, at) => `token ${at}`);
    writeGguf(path, [f32('token_embd.weight')], { 'tokenizer.ggml.tokens': tokens });
    const header = readFileSync(path).length;
    truncateSync(path, header + 2 ** 30);
    const checkpoint = await openCheckpoint(path);
    // The header, the first bytes once more, and at most one page beyond.
    expect(checkpoint.bytesRead).toBeLessThan(header + 1024 * 1024 + 100);
    expect(checkpoint.metadata['tokenizer.ggml.tokens']).toEqual(tokens);
    expect(checkpoint.metadata['tokenizer.ggml.tokens']).toBe(checkpoint.metadata['tokenizer.ggml.tokens']);
  });
});

describe('splits', () => {
  const u16 = (value: number) => ({ type: 'u16', value }) as const;
  const part = (no: number): FixtureMetadata => ({
    'split.no': u16(no),
    'split.count': u16(3),
    'split.tensors.count': { type: 'i32', value: 3 },
  });
  const path = (number: number): string => join(folder, `split-0000${number}-of-00003.gguf`);
  for (const number of [1, 2, 3]) {
    const metadata = { ...(number === 1 ? { 'general.architecture': 'llama' } : {}), ...part(number - 1) };
    writeGguf(path(number), [f32(`blk.${number}.attn_q.weight`)], metadata);
  }

  test.each([1, 2, 3])('part %i opens all', async (number) => {
    const checkpoint = await openCheckpoint(path(number));
    expect(checkpoint.files.map((file) => file.path)).toEqual([path(1), path(2), path(3)]);
    expect(checkpoint.tensors.map((tensor) => [tensor.name, tensor.file])).toEqual([
      ['blk.1.attn_q.weight', 0],
      ['blk.2.attn_q.weight', 1],
      ['blk.3.attn_q.weight', 2],
    ]);
    expect(checkpoint.model).toEqual({ architecture: 'llama', layers: 3 });
  });
});

describe('real files', () => {
  const quantized = 'models/gguf-stories260K-quantized/stories260K-';
  test.for<[string, string]>([
    ['models/stories260K-gguf/testdata/stories260K.gguf', 'F32'],
    [`${quantized}BF16.gguf`, 'BF16'],
    [`${quantized}F16.gguf`, 'F16'],
    [`${quantized}IQ4_NL.gguf`, 'IQ4_NL'],
    [`${quantized}IQ4_XS.gguf`, 'IQ4_NL'],
    [`${quantized}MXFP4.gguf`, 'Q8_0'],
    [`${quantized}Q2_K.gguf`, 'Q4_0'],
    [`${quantized}Q3_K_M.gguf`, 'Q4_0'],
    [`${quantized}Q4_0.gguf`, 'Q4_0'],
    [`${quantized}Q4_1.gguf`, 'Q4_1'],
    [`${quantized}Q4_K_M.gguf`, 'Q5_0'],
    [`${quantized}Q5_0.gguf`, 'Q5_0'],
    [`${quantized}Q5_1.gguf`, 'Q5_1'],
    [`${quantized}Q5_K_M.gguf`, 'Q5_1'],
    [`${quantized}Q6_K.gguf`, 'Q8_0'],
    [`${quantized}Q8_0.gguf`, 'Q8_0'],
    [`${quantized}TQ1_0.gguf`, 'Q4_0'],
  ])('%s holds %s', async ([relative, dtype], { skip }) => {
    const file = sharedData(relative);
    if (file === null) return skip('the data is not on this machine');
    const checkpoint = await openCheckpoint(file);
    expect(checkpoint.tensors).toHaveLength(48);
    expect(checkpoint.model).toEqual({ architecture: 'llama', layers: 5 });
    expect(checkpoint.tensors.some((tensor) => tensor.dtype === dtype)).toBe(true);
    expect(checkpoint.metadata['llama.embedding_length']).toBe(64);
    expect(checkpoint.metadata['tokenizer.ggml.tokens']).toHaveLength(512);
    expect(checkpoint.warnings).toEqual([]);
  });
});

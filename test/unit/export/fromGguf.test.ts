// Re-quantizing a GGUF: metadata bit for bit, tensor order, alignment, split inputs, and real llama-quantize's bytes.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { swapBlocks } from '../../../core/decode/swapBlocks.ts';
import { littleEndianRecord } from '../../../core/export/gguf/byteOrder.ts';
import { contentsFromGguf } from '../../../core/export/gguf/fromGguf.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { isGgufTarget } from '../../../core/quant/ggufTypes.ts';
import { randomBlocks } from '../../fixtures/randomBlocks.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { ggufKeyValue, writeGguf } from '../../fixtures/writeGguf.ts';
import { tensor, testPool } from './exportFixtures.ts';
import { planFor } from './plans.ts';

const folder = temporaryFolder();
const pool = testPool();

/** Every record's bytes, in file order. */
function records({ gguf, files }: Checkpoint): { key: string; bytes: string }[] {
  const file = readFileSync(files[0]?.path ?? '');
  return (gguf?.keyValues ?? []).map(({ key, offset, bytes }) => ({
    key,
    bytes: file.subarray(offset, offset + bytes).toString('hex'),
  }));
}

describe('GGUF from GGUF', () => {
  it('keeps every record but the two it sets, which stay in their place', async () => {
    const path = join(folder, 'source.gguf');
    const metadata = {
      'general.architecture': 'llama',
      'general.file_type': 0,
      'odd.float': { type: 'f64', value: Math.PI } as const,
      'odd.list': { type: 'array', items: 'i16', value: [-1, 2, 3] } as const,
      'general.quantization_version': 1,
      'odd.text': 'naïve ▁',
      'odd.big': 12345678901234567890n,
    };
    writeGguf(path, [tensor('b.weight', [3, 64]), tensor('a.weight', [2, 64])], metadata);
    const checkpoint = await openCheckpoint(path);
    const output = join(folder, 'kept.gguf');
    await runExport(
      'gguf',
      { checkpoint, plan: planFor(checkpoint, () => 'Q8_0'), output, overwrite: false },
      { pool },
    );
    const exported = await openCheckpoint(output);
    const changed = new Set(['general.file_type', 'general.quantization_version']);
    const before = records(checkpoint);
    const after = records(exported);
    expect(after.map(({ key }) => key)).toEqual(before.map(({ key }) => key));
    expect(after.filter(({ key }) => !changed.has(key))).toEqual(before.filter(({ key }) => !changed.has(key)));
    expect(exported.metadata['general.file_type']).toBe(7);
    expect(exported.metadata['general.quantization_version']).toBe(2);
    expect(exported.tensors.map(({ name }) => name)).toEqual(['b.weight', 'a.weight']);
  });

  it('writes the key-values of a big-endian file in little-endian order', async () => {
    const metadata = {
      'general.architecture': 'llama',
      'odd.float': { type: 'f64', value: Math.PI } as const,
      'odd.list': { type: 'array', items: 'i16', value: [-1, 2, 3] } as const,
      'odd.texts': ['naïve ▁', ''],
      'odd.big': 12345678901234567890n,
      'odd.flag': true,
    };
    const tensors = [tensor('b.weight', [3, 64])];
    const [little, big] = [join(folder, 'order-little.gguf'), join(folder, 'order-big.gguf')];
    writeGguf(little, tensors, metadata);
    writeGguf(big, tensors, metadata, { bigEndian: true });
    const expected = await contentsFromGguf(await openCheckpoint(little), 7);
    const contents = await contentsFromGguf(await openCheckpoint(big), 7);
    const bytes = readFileSync(big);
    expect(bytes.readUInt32BE(4)).toBe(3);
    expect(contents.keyValues).toEqual(expected.keyValues);
  });

  it('makes the same file of a big-endian one as of its little-endian twin, copies included', async () => {
    const q8 = randomBlocks('Q8_0', 16, 21);
    const swapped = q8.slice();
    swapBlocks('Q8_0', swapped);
    const f32 = Float32Array.from({ length: 512 }, (_, i) => Math.sin(i));
    const turned = new Uint8Array(f32.buffer.slice(0));
    for (let at = 0; at < turned.length; at += 4) turned.subarray(at, at + 4).reverse();
    const tensors = (blocks: Uint8Array, floats: ArrayBufferView) => [
      { name: 'blk.0.ffn_up.weight', dtype: 'Q8_0', shape: [8, 64], data: blocks },
      { name: 'blk.0.ffn_down.weight', dtype: 'F32', shape: [8, 64], data: floats },
      { name: 'blk.0.ffn_norm.weight', dtype: 'F32', shape: [512], data: floats },
    ];
    const exported = async (name: string, bigEndian: boolean) => {
      const path = join(folder, `${name}.gguf`);
      const metadata = { 'general.architecture': 'llama' };
      writeGguf(path, tensors(bigEndian ? swapped : q8, bigEndian ? turned : f32), metadata, { bigEndian });
      const checkpoint = await openCheckpoint(path);
      const output = join(folder, `${name}-out.gguf`);
      const plan = planFor(checkpoint, (name) => (name.includes('ffn_up') ? 'Q8_0' : 'Q4_0'));
      await runExport('gguf', { checkpoint, plan, output, overwrite: false }, { pool });
      return readFileSync(output);
    };
    expect(await exported('twin-big', true)).toEqual(await exported('twin-little', false));
  });

  it('refuses a big-endian key-value that changed since the file was opened', () => {
    const record = ggufKeyValue('k', ['one', 'two'], true);
    expect(littleEndianRecord(record, 'm.gguf')).toEqual(ggufKeyValue('k', ['one', 'two']));
    for (const broken of [record.subarray(0, -1), record.subarray(0, 12), new Uint8Array(40).fill(0xff)])
      expect(() => littleEndianRecord(broken, 'm.gguf')).toThrow(expect.objectContaining({ code: 'FILE_CHANGED' }));
  });

  it('makes one file of a split and forgets that it was one', async () => {
    const part = (at: number) => join(folder, `parts-0000${at}-of-00002.gguf`);
    const split = (no: number) => ({
      'split.no': { type: 'u16', value: no } as const,
      'split.count': { type: 'u16', value: 2 } as const,
      'split.tensors.count': { type: 'i32', value: 2 } as const,
    });
    writeGguf(part(1), [tensor('x.weight', [4, 32])], { 'general.architecture': 'llama', ...split(0) });
    writeGguf(part(2), [tensor('y.weight', [4, 32])], split(1));
    const checkpoint = await openCheckpoint(part(1));
    const output = join(folder, 'joined.gguf');
    const plan = planFor(checkpoint, () => 'Q4_0');
    const { verify } = await runExport('gguf', { checkpoint, plan, output, overwrite: false }, { pool });
    const exported = await openCheckpoint(output);
    expect(exported.files).toHaveLength(1);
    expect(exported.tensors.map(({ name }) => name)).toEqual(['x.weight', 'y.weight']);
    expect(Object.keys(exported.metadata).filter((key) => key.startsWith('split.'))).toEqual([]);
    expect(verify).toMatchObject({ ok: true, compared: 2 });
  });

  const source = sharedData('models/stories260K-gguf/testdata/stories260K.gguf');
  const made = sharedData('models/gguf-stories260K-quantized');
  const types = ['BF16', 'F16', 'IQ4_NL', 'Q4_0', 'Q4_1', 'Q4_K_M', 'Q5_0', 'Q5_1', 'Q5_K_M', 'Q8_0'];
  it.skipIf(source === null || made === null).each(types)('writes the bytes of llama-quantize %s', async (type) => {
    const checkpoint = await openCheckpoint(source ?? '');
    const reference = await openCheckpoint(join(made ?? '', `stories260K-${type}.gguf`));
    const wanted = new Map(reference.tensors.map((one) => [one.name, one]));
    const plan = planFor(checkpoint, (name) => {
      const dtype = wanted.get(name)?.dtype ?? 'none';
      if (!isGgufTarget(dtype)) throw new Error(`${name} is ${dtype} in the reference`);
      return dtype;
    });
    const output = join(folder, `stories-${type}.gguf`);
    await runExport('gguf', { checkpoint, plan, output, overwrite: false }, { pool });
    const exported = await openCheckpoint(output);
    const [ours, theirs] = [readFileSync(output), readFileSync(reference.files[0]?.path ?? '')];
    expect(ours.length).toBe(theirs.length);
    for (const { name, dtype, offset, bytes } of exported.tensors) {
      const other = wanted.get(name);
      expect(other?.dtype, name).toBe(dtype);
      const at = other?.offset ?? 0;
      expect(ours.subarray(offset, offset + bytes).equals(theirs.subarray(at, at + bytes)), name).toBe(true);
    }
  });
});

// NumPy arrays: every dtype and order, headers of all versions, archives stored and deflated; only headers are read.

import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { numpyReader } from '../../../core/checkpoint/numpy/reader.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { tensorSource } from '../../../core/checkpoint/tensorSource.ts';
import { readElements } from '../../../core/decode/elements.ts';
import { type Kernels, loadKernels } from '../../../core/kernels/wasm.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type FixtureArray, joinNpy, npyBytes, npzBytes } from '../../fixtures/writeNpy.ts';
import { zipBytes } from '../../fixtures/writeZip.ts';

const folder = temporaryFolder();
let kernels: Kernels;
beforeAll(async () => {
  kernels = await loadKernels();
});

let files = 0;
async function open(bytes: Uint8Array, extension = 'npz') {
  files += 1;
  const path = join(folder, `model${files}.${extension}`);
  writeFileSync(path, bytes);
  return openCheckpoint(path);
}

async function values(bytes: Uint8Array, extension?: string): Promise<Record<string, number[]>> {
  const checkpoint = await open(bytes, extension);
  return Object.fromEntries(
    checkpoint.tensors.map(({ index, name, elements }) => [
      name,
      kernels.arena.scoped(() => {
        const pointer = readElements(kernels, tensorSource(checkpoint, index), 0, elements);
        return [...new Float32Array(kernels.arena.u8(pointer, elements * 4).slice().buffer)];
      }),
    ]),
  );
}

const count = (length: number): number[] => Array.from({ length }, (_, at) => at);
const matrix: FixtureArray = { descr: '<f4', shape: [2, 3], data: Float32Array.from(count(6)) };
/** The same matrix, column after column. */
const fortran: FixtureArray = { ...matrix, fortranOrder: true, data: Float32Array.of(0, 3, 1, 4, 2, 5) };

function bigEndian(count_: number, bytes: number, set: (view: DataView, at: number, value: number) => void): DataView {
  const view = new DataView(new ArrayBuffer(count_ * bytes));
  for (let at = 0; at < count_; at++) set(view, at * bytes, at);
  return view;
}

describe('.npy', () => {
  test.each([1, 2, 3] as const)('version %i', async (version) => {
    const { tensors, format, warnings } = await open(npyBytes({ ...matrix, version }), 'npy');
    expect(format).toBe('numpy');
    expect(tensors.length).toBe(1);
    expect(tensors[0]).toMatchObject({ dtype: 'F32', shape: [2, 3], elements: 6, bytes: 24, offset: 128 });
    expect(tensors[0]?.storage).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  test('a scalar has no dimensions', async () => {
    const { tensors } = await open(npyBytes({ descr: '<f8', shape: [], data: Float64Array.of(2.5) }), 'npy');
    expect(tensors[0]).toMatchObject({ shape: [], elements: 1, bytes: 8 });
  });

  test('the file names the tensor', async () => {
    const path = join(folder, 'wte.npy');
    writeFileSync(path, npyBytes(matrix));
    expect((await openCheckpoint(path)).tensors[0]?.name).toBe('wte');
  });

  test('content decides over the extension', async () => {
    expect((await open(npyBytes(matrix), 'bin')).format).toBe('numpy');
    expect((await open(npzBytes({ a: matrix }), 'bin')).format).toBe('numpy');
  });

  test('arrays appended by later saves are told, not read', async () => {
    const { tensors, warnings } = await open(Buffer.concat([npyBytes(matrix), npyBytes(matrix)]), 'npy');
    expect(tensors.length).toBe(1);
    expect(warnings).toEqual([expect.stringContaining('152 bytes after the first array')]);
  });

  test('headers of other writers: quotes, order, spaces, Python 2 numbers', async () => {
    const header = '{ "shape":(2L , 3L),"descr" : "<f4",\n"fortran_order":False}';
    const { tensors } = await open(joinNpy(header, matrix.data), 'npy');
    expect(tensors[0]).toMatchObject({ dtype: 'F32', shape: [2, 3] });
  });
});

describe('element types', () => {
  const six = count(6);
  const plain: readonly [string, string, ArrayBufferView][] = [
    ['<f8', 'F64', Float64Array.from(six)],
    ['<f4', 'F32', Float32Array.from(six)],
    ['=f4', 'F32', Float32Array.from(six)],
    ['<f2', 'F16', Uint16Array.of(0, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500)],
    ['<i8', 'I64', BigInt64Array.from(six, BigInt)],
    ['<i4', 'I32', Int32Array.from(six)],
    ['<i2', 'I16', Int16Array.from(six)],
    ['|i1', 'I8', Int8Array.from(six)],
    ['<u8', 'U64', BigUint64Array.from(six, BigInt)],
    ['<u4', 'U32', Uint32Array.from(six)],
    ['<u2', 'U16', Uint16Array.from(six)],
    ['|u1', 'U8', Uint8Array.from(six)],
  ];
  test.each(plain)('%s is %s', async (descr, dtype, data) => {
    const bytes = npzBytes({ a: { descr, shape: [6], data } });
    expect((await open(bytes)).tensors[0]).toMatchObject({ dtype });
    expect(await values(bytes)).toEqual({ a: six });
  });

  const swapped: readonly [string, string, ArrayBufferView][] = [
    ['>f8', 'F64', bigEndian(6, 8, (view, at, value) => view.setFloat64(at, value))],
    ['>f4', 'F32', bigEndian(6, 4, (view, at, value) => view.setFloat32(at, value))],
    ['>i8', 'I64', bigEndian(6, 8, (view, at, value) => view.setBigInt64(at, BigInt(value)))],
    ['>i2', 'I16', bigEndian(6, 2, (view, at, value) => view.setInt16(at, value))],
    ['>u4', 'U32', bigEndian(6, 4, (view, at, value) => view.setUint32(at, value))],
  ];
  test.each(swapped)('%s is %s, big endian', async (descr, dtype, data) => {
    const bytes = npzBytes({ a: { descr, shape: [6], data } });
    expect((await open(bytes)).tensors[0]).toMatchObject({ dtype, storage: { bigEndian: true } });
    expect(await values(bytes)).toEqual({ a: six });
    expect(await values(npzBytes({ a: { descr, shape: [6], data } }, { deflate: true }))).toEqual({ a: six });
  });

  test('complex numbers and truth values', async () => {
    const { tensors } = await open(
      npzBytes({
        a: { descr: '<c8', shape: [2], data: Float32Array.from(count(4)) },
        b: { descr: '>c16', shape: [1], data: new Float64Array(2) },
        c: { descr: '|b1', shape: [3], data: Uint8Array.of(1, 0, 1) },
      }),
    );
    expect(tensors.map(({ dtype }) => dtype)).toEqual(['C64', 'C128', 'BOOL']);
  });

  test('types NumPy has no name for', async () => {
    const bytes = npzBytes({
      wide: { descr: '<V2', shape: [3], data: Uint16Array.of(0x3f80, 0x4000, 0xc040) },
      narrow: { descr: '|V1', shape: [2], data: Uint8Array.of(1, 2) },
      small: { descr: '<f1', shape: [2], data: Uint8Array.of(0x3c, 0x40) },
    });
    const { tensors, warnings } = await open(bytes);
    expect(tensors.map(({ dtype }) => dtype)).toEqual(['BF16', 'U8', 'F8_E5M2']);
    expect(warnings).toEqual([expect.stringMatching(/"wide".*bfloat16/), expect.stringMatching(/"narrow".*float8/)]);
    expect(await values(bytes)).toMatchObject({ wide: [1, 2, -3], small: [1, 2] });
  });

  test('arrays of anything else are named and left out, one line a reason', async () => {
    const pickle = new TextEncoder().encode("cos\nsystem\n(S'true'\ntR.");
    const bytes = zipBytes([
      ...count(6).map((at) => ({ name: `o${at}.npy`, data: npyBytes({ descr: '|O', shape: [], data: pickle }) })),
      { name: 'text.npy', data: npyBytes({ descr: '<U5', shape: [2], data: new Uint8Array(40) }) },
      { name: 'when.npy', data: npyBytes({ descr: '<M8[ns]', shape: [2], data: new Uint8Array(16) }) },
      { name: 'long.npy', data: npyBytes({ descr: '<f16', shape: [2], data: new Uint8Array(32) }) },
      {
        name: 'record.npy',
        data: joinNpy(
          "{'descr': [('x', '<f4'), ('y', '<f4', (2,))], 'fortran_order': False, 'shape': (1,), }",
          new Uint8Array(12),
        ),
      },
      { name: 'a.npy', data: npyBytes(matrix) },
      { name: 'readme.txt', data: new Uint8Array(3) },
    ]);
    const { tensors, warnings } = await open(bytes);
    expect(tensors.map(({ name }) => name)).toEqual(['a']);
    expect(warnings.map((warning) => warning.replace(/^\S+ /, ''))).toEqual([
      expect.stringMatching(/^6 arrays \("o0", "o1", "o2", "o3", …\) left out: Python objects/),
      expect.stringMatching(/^1 array \("text"\) left out: text/),
      expect.stringMatching(/^1 array \("when"\) left out: dates/),
      expect.stringMatching(/^1 array \("long"\) left out: floats of unusual size/),
      expect.stringMatching(/^1 array \("record"\) left out: records/),
      expect.stringMatching(/^1 of its entries are no arrays/),
    ]);
  });
});

describe('.npz', () => {
  const arrays = {
    a: matrix,
    f: fortran,
    'nested/name.b': { ...matrix, descr: '<i4', data: Int32Array.from(count(6)) },
  };
  const expected = { a: count(6), f: count(6), 'nested/name.b': count(6) };

  test('stored', async () => {
    const { tensors } = await open(npzBytes(arrays));
    expect(tensors[0]?.storage).toBeUndefined();
    expect(tensors[1]?.storage).toMatchObject({ kind: 'strided', start: 0, strides: [1, 2], extent: { bytes: 24 } });
    expect(await values(npzBytes(arrays))).toEqual(expected);
  });

  test('deflated', async () => {
    const bytes = npzBytes(arrays, { deflate: true });
    const {
      tensors,
      files: [file],
    } = await open(bytes);
    expect(tensors[0]?.storage).toMatchObject({ start: 32, strides: [3, 1], extent: { bytes: 152 } });
    expect(tensors[0]?.offset).toBeLessThan(file?.sizeBytes ?? 0);
    expect(await values(bytes)).toEqual(expected);
  });

  test('zip64, long extra fields, a prefix', async () => {
    expect(await values(npzBytes(arrays, { zip64: true }, { zip64: true }))).toEqual(expected);
    expect(await values(npzBytes(arrays, { localExtra: new Uint8Array(3000) }))).toEqual(expected);
    expect(await values(npzBytes(arrays, { deflate: true, localExtra: new Uint8Array(3000) }))).toEqual(expected);
  });

  test('three dimensions in Fortran order', async () => {
    const shape = [2, 3, 4];
    const data = new Float32Array(24);
    for (let i = 0; i < 2; i++)
      for (let j = 0; j < 3; j++) for (let k = 0; k < 4; k++) data[i + 2 * j + 6 * k] = i * 12 + j * 4 + k;
    const array = { descr: '<f4', shape, fortranOrder: true, data };
    expect(await values(npzBytes({ a: array }))).toEqual({ a: count(24) });
    expect(await values(npzBytes({ a: array }, { deflate: true }))).toEqual({ a: count(24) });
  });

  test('vectors and empty arrays need no strides in Fortran order', async () => {
    const { tensors } = await open(
      npzBytes({
        vector: { ...fortran, shape: [1, 6, 1] },
        empty: { ...fortran, shape: [4, 0, 7], data: new Uint8Array(0) },
      }),
    );
    expect(tensors.map(({ storage, elements }) => [storage, elements])).toEqual([
      [undefined, 6],
      [undefined, 0],
    ]);
  });

  test('a header that does not end at a multiple of the elements, deflated', async () => {
    const odd = npyBytes({ ...matrix, alignment: 1 });
    expect((odd.length - 24) % 4).not.toBe(0);
    expect(await values(zipBytes([{ name: 'a.npy', data: odd }]))).toEqual({ a: count(6) });
    const { tensors, warnings } = await open(zipBytes([{ name: 'a.npy', data: odd, deflate: true }]));
    expect(tensors).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('"a"')]);
  });

  test('no arrays at all', async () => {
    expect((await open(zipBytes([]))).tensors).toEqual([]);
  });

  test('names of JAX parameters tell layer and role', async () => {
    const { tensors, model } = await open(
      npzBytes({
        'params/layers_0/attn/query/kernel': matrix,
        'params/layers_1/attn/query/kernel': matrix,
        'params/layers_1/attn/norm/scale': { ...matrix, shape: [6] },
        'params/embed/embedding': matrix,
      }),
    );
    expect(model.layers).toBe(2);
    expect(tensors.map(({ layer, role }) => [layer, role])).toEqual([
      [0, 'attention.q'],
      [1, 'attention.q'],
      [1, 'norm'],
      [null, 'embedding'],
    ]);
    expect(tensors[0]?.name).toBe('params/layers_0/attn/query/kernel');
  });

  test('only headers are read', async () => {
    const path = join(folder, 'sparse.npz');
    const bytes = 40 * 2 ** 20;
    writeFileSync(path, npzBytes({ a: { ...matrix, shape: [bytes / 4], data: new Uint8Array(bytes) }, b: matrix }));
    expect((await openCheckpoint(path)).bytesRead).toBeLessThan(200_000);
    expect((await numpyReader.read([path], undefined)).bytesRead).toBeLessThan(100_000);
  });

  test('a file of 200 GB', async () => {
    const path = join(folder, 'large.npy');
    const header = joinNpy("{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 500000), }", new Uint8Array(0));
    writeFileSync(path, header);
    truncateSync(path, header.length + 2e11);
    const { tensors } = await openCheckpoint(path);
    expect(tensors[0]).toMatchObject({ elements: 5e10, bytes: 2e11 });
  });
});

test('a published model', async ({ skip }) => {
  const path = sharedData('models/g2p-en-npz/g2p_en/checkpoint20.npz');
  if (path === null) return skip('the data is not on this machine');
  const { tensors, warnings, bytesRead } = await openCheckpoint(path);
  expect(warnings).toEqual([]);
  expect(tensors.map(({ name, shape }) => `${name} ${shape.join('×')}`)).toEqual([
    'enc_emb 29×256',
    'enc_w_ih 768×256',
    'enc_w_hh 768×256',
    'enc_b_ih 768',
    'enc_b_hh 768',
    'dec_emb 74×256',
    'dec_w_ih 768×256',
    'dec_w_hh 768×256',
    'dec_b_ih 768',
    'dec_b_hh 768',
    'fc_w 74×256',
    'fc_b 74',
  ]);
  expect(tensors.every(({ dtype }) => dtype === 'F32')).toBe(true);
  expect(bytesRead).toBeLessThan(200_000);
});

// Keras weights: both generations of HDF5 structures, every element type, and what is left out and said.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { float, type H5Group, hdf5Bytes, integer, le, UNDEFINED_ADDRESS } from '../../fixtures/writeHdf5.ts';

const folder = temporaryFolder();
let count = 0;

async function open(root: H5Group, style: 'old' | 'new' = 'old') {
  const path = join(folder, `model${count++}.h5`);
  writeFileSync(path, hdf5Bytes(root, style));
  return { path, checkpoint: await openCheckpoint(path) };
}

const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

describe.each(['old', 'new'] as const)('%s structures', (style) => {
  test('nested groups become paths; Keras prefixes go', async () => {
    const { checkpoint } = await open(
      {
        model_weights: {
          dense: { dense: { 'kernel:0': { shape: [2, 3], data: floats(1, 2, 3, 4, 5, 6) } } },
          norm: { 'gamma:0': { shape: [], data: floats(7) } },
        },
        optimizer_weights: { 'm:0': { shape: [2], data: floats(0, 0) } },
      },
      style,
    );
    expect(checkpoint.format).toBe('hdf5');
    expect(checkpoint.tensors.map(({ name, dtype, shape, bytes }) => ({ name, dtype, shape, bytes }))).toEqual([
      { name: 'dense/dense/kernel:0', dtype: 'F32', shape: [2, 3], bytes: 24 },
      { name: 'norm/gamma:0', dtype: 'F32', shape: [], bytes: 4 },
    ]);
    expect(checkpoint.warnings).toEqual([expect.stringContaining('8 bytes of optimizer state are left out')]);
  });

  test('a group that links to its ancestor is walked once', async () => {
    const { checkpoint } = await open({ a: { 'w:0': { shape: [1], data: floats(1) }, up: { link: 'root' } } }, style);
    expect(checkpoint.tensors.map((tensor) => tensor.name)).toEqual(['a/w:0']);
  });
});

test.each([
  ['F64', float(8, 11, 52), 8, undefined],
  ['F16', float(2, 5, 10), 2, undefined],
  ['BF16', float(2, 8, 7), 2, undefined],
  ['F32', float(4, 8, 23, true), 4, true],
  ['I64', integer(8, true), 8, undefined],
  ['U8', integer(1, false), 1, undefined],
] as const)('%s elements', async (dtype, type, size, bigEndian) => {
  const { checkpoint } = await open({ x: { shape: [2, 2], data: new Uint8Array(4 * size), type: [...type] } });
  const [tensor] = checkpoint.tensors;
  expect(tensor).toMatchObject({ dtype, bytes: 4 * size });
  if (bigEndian) expect(tensor?.storage).toMatchObject({ kind: 'strided', bigEndian, strides: [2, 1] });
  else expect(tensor?.storage).toBeUndefined();
});

test('what cannot be read is named, the rest opens', async () => {
  const chunked = [3, 2, 3, ...le(100, 8), ...le(1, 4), ...le(1, 4), ...le(4, 4)];
  const { checkpoint } = await open({
    chunks: { shape: [1], data: floats(1), layout: () => chunked },
    filtered: { shape: [1], data: floats(1), extra: [{ type: 0x0b, body: [2, 0] }] },
    strings: { shape: [1], data: floats(1), type: [0x13, 0, 0, 0, ...le(4, 4)] },
    unwritten: { shape: [1], data: floats(1), layout: () => [3, 1, ...UNDEFINED_ADDRESS, ...le(4, 8)] },
    compact: { shape: [1], data: floats(1), layout: () => [3, 0, ...le(4, 2), ...floats(42)] },
  });
  expect(checkpoint.tensors.map((tensor) => tensor.name)).toEqual(['compact']);
  const [chunks, filtered, strings, unwritten] = checkpoint.warnings;
  expect(chunks).toContain('stored in chunks');
  expect(filtered).toContain('through filters');
  expect(strings).toContain('holds strings');
  expect(unwritten).toContain('was never written');
});

test('a folder with one .h5 file opens', async () => {
  const own = join(folder, 'keras-model');
  mkdirSync(own);
  writeFileSync(join(own, 'weights.h5'), hdf5Bytes({ w: { shape: [1], data: floats(1) } }));
  expect((await openCheckpoint(own)).tensors).toHaveLength(1);
});

test('a real Keras model', async ({ skip }) => {
  const path = sharedData('models/magika-onnx/assets/models/standard_v1/model.h5');
  if (path === null) return skip('the data is not on this machine');
  const checkpoint = await openCheckpoint(path);
  // Places as h5py 3.16 gives them (Dataset.id.get_offset).
  const offsets = Object.fromEntries(checkpoint.tensors.map(({ name, offset }) => [name, offset]));
  expect(checkpoint.tensors).toHaveLength(12);
  expect(offsets).toMatchObject({ 'dense/dense/kernel:0': 14456, 'dense_2/dense_2/kernel:0': 678520 });
  expect(checkpoint.tensors.reduce((sum, { elements }) => sum + elements, 0)).toBe(260_465);
  expect(checkpoint.bytesRead).toBeLessThan(400_000);
});

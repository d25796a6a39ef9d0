// Strided tensors against the naive formula: views, transposes, repeats, foreign byte order, any range.

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { gatherStrided, loadStrided, loadStridedWindow } from '../../../core/decode/strided.ts';
import { closeReaders } from '../../../core/io/fileReader.ts';
import { dropKeptBytes } from '../../../core/io/keptBytes.ts';
import { loadKernels } from '../../../core/kernels/wasm.ts';
import { DTYPE_NAMES, type DType, dtypeInfo } from '../../../core/tensor/dtype.ts';
import type { StridedStorage } from '../../../core/tensor/storage.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type ExtentFile, extentFile, randomBytes } from './descriptors.ts';
import { firstDifference, stridedValue } from './straightforward.ts';

const kernels = await loadKernels();
const { arena } = kernels;
const folder = temporaryFolder();
afterEach(() => {
  dropKeptBytes();
  closeReaders();
});

function load(storage: StridedStorage, paths: Record<number, string>, first: number, count: number): Float32Array {
  return arena.scoped(() => {
    const dst = arena.alloc(count * 4 + 64);
    loadStrided(kernels, storage, paths, first, count, dst);
    return arena.f32(dst, count).slice();
  });
}

const PLAIN = DTYPE_NAMES.filter((dtype) => {
  const { kind, blockElements } = dtypeInfo(dtype);
  return kind !== 'complex' && blockElements === 1;
});

/** Any strides, those of permuted dimensions among them. */
const zStrided = (): fc.Arbitrary<{ storage: StridedStorage; file: ExtentFile }> =>
  fc.gen().map((gen) => {
    const int = (min: number, max: number): number => gen(fc.integer, { min, max });
    const dtype = gen(() => fc.constantFrom(...PLAIN));
    const shape = Array.from({ length: int(0, 4) }, () => int(1, 9));
    const strides = shape.map(() => 0);
    if (int(0, 2) === 0) {
      strides.forEach((_, d) => {
        strides[d] = int(0, 40);
      });
    } else {
      let stride = 1;
      for (const d of gen(() => fc.shuffledSubarray([...shape.keys()], { minLength: shape.length }))) {
        strides[d] = stride;
        stride *= shape[d] ?? 1;
      }
    }
    const start = int(0, 5);
    const last = shape.reduce((sum, size, d) => sum + (size - 1) * (strides[d] ?? 0), start);
    const file = extentFile([randomBytes((last + 1) * dtypeInfo(dtype).blockBytes, int(1, 1e6))]);
    const [extent] = file.extents;
    if (extent === undefined) throw new Error();
    const storage: StridedStorage = { kind: 'strided', extent, dtype, start, shape, strides };
    return { storage: int(0, 1) === 0 ? storage : { ...storage, bigEndian: true }, file };
  });

const part = (): fc.Arbitrary<number> => fc.double({ min: 0, max: 0.999, noNaN: true });

describe('strided tensors', () => {
  it('every description gives what the formula says, on any range', () => {
    fc.assert(
      fc.property(zStrided(), part(), part(), ({ storage, file }, a, b) => {
        dropKeptBytes();
        const elements = storage.shape.reduce((product, size) => product * size, 1);
        const first = Math.floor(a * elements);
        const count = 1 + Math.floor(b * (elements - first));
        const wanted = Float32Array.from({ length: count }, (_, i) => stridedValue(storage, file.bytesOf, first + i));
        expect(firstDifference(load(storage, file.paths, first, count), wanted)).toBeNull();
      }),
      { numRuns: 500, endOnFailure: true },
    );
  });

  it('every window gives what the formula says', () => {
    fc.assert(
      fc.property(zStrided(), part(), part(), part(), part(), ({ storage, file }, a, b, c, d) => {
        dropKeptBytes();
        const columns = storage.shape.at(-1) ?? 1;
        const rows = storage.shape.reduce((product, size) => product * size, 1) / columns;
        const [row0, column0] = [Math.floor(a * rows), Math.floor(b * columns)];
        const row1 = row0 + 1 + Math.floor(c * (rows - row0));
        const column1 = column0 + 1 + Math.floor(d * (columns - column0));
        const width = column1 - column0;
        const count = (row1 - row0) * width;
        const wanted = Float32Array.from({ length: count }, (_, i) =>
          stridedValue(storage, file.bytesOf, (row0 + Math.floor(i / width)) * columns + column0 + (i % width)),
        );
        arena.scoped(() => {
          const dst = arena.alloc(count * 4 + 64);
          if (loadStridedWindow(kernels, storage, file.paths, { row0, row1, column0, column1 }, dst))
            expect(firstDifference(arena.f32(dst, count), wanted)).toBeNull();
          else expect(storage.shape.length).toBeGreaterThan(2);
        });
      }),
      { numRuns: 300, endOnFailure: true },
    );
  });

  it('a transposed matrix too large to keep whole is read in slabs, the same in any order', () => {
    // 4096 × 2200 float32, stored by columns: 36 MB, more than a thread keeps of one part.
    const [rows, columns] = [4096, 2200];
    const path = join(folder, 'transposed.bin');
    const file = openSync(path, 'w');
    ftruncateSync(file, rows * columns * 4);
    const value = (row: number, column: number): number => row + column / 4096;
    for (let column = 0; column < columns; column++)
      writeSync(
        file,
        Float32Array.from({ length: rows }, (_, row) => value(row, column)),
        0,
        rows * 4,
        column * rows * 4,
      );
    closeSync(file);
    const storage: StridedStorage = {
      kind: 'strided',
      extent: { file: 0, offset: 0, bytes: rows * columns * 4 },
      dtype: 'F32',
      start: 0,
      shape: [rows, columns],
      strides: [1, rows],
    };
    for (const row of [0, 64, 128, 3000, 2936, 4086]) {
      const found = load(storage, { 0: path }, row * columns + 17, 9 * columns);
      expect(found.length).toBe(9 * columns);
      let wrong = 0;
      for (let i = 0; i < found.length; i++) {
        const at = row * columns + 17 + i;
        if (found[i] !== Math.fround(value(Math.floor(at / columns), at % columns))) wrong++;
      }
      expect(wrong).toBe(0);
    }
    const gaps = { ...storage, shape: [200, 700], strides: [7, 3 * rows] }; // neither dimension is contiguous
    expect(load(gaps, { 0: path }, 150 * 700 + 3, 3)).toEqual(
      Float32Array.of(value(1050, 9), value(1050, 12), value(1050, 15)),
    );
  });

  it('deflated, big-endian and block types', () => {
    const values = Float32Array.from({ length: 600 }, (_, i) => i - 300);
    const deflated = deflateRawSync(new Uint8Array(values.buffer));
    const file = extentFile([deflated]);
    const [at] = file.extents;
    if (at === undefined) throw new Error();
    const storage: StridedStorage = {
      kind: 'strided',
      extent: { ...at, bytes: 2400, deflated: deflated.length },
      dtype: 'F32',
      start: 0,
      shape: [20, 30],
      strides: [1, 20],
    };
    expect(load(storage, file.paths, 30, 3)).toEqual(Float32Array.of(-299, -279, -259));
    expect(load({ ...storage, strides: [30, 1] }, file.paths, 599, 1)).toEqual(Float32Array.of(299));

    const blocks = extentFile([randomBytes(34 * 6, 9)]);
    const [extent] = blocks.extents;
    if (extent === undefined) throw new Error();
    const q8: StridedStorage = { kind: 'strided', extent, dtype: 'Q8_0', start: 32, shape: [5, 32], strides: [32, 1] };
    const wanted = stridedBlocks(q8, blocks, 7, 60);
    expect(load(q8, blocks.paths, 7, 60)).toEqual(wanted);
    expect(() => load({ ...q8, strides: [1, 5] }, blocks.paths, 0, 5)).toThrow(
      /Q8_0 \[5, 32\]: Q8_0 elements share bytes/,
    );
  });

  it('gathers bytes of dtypes without real values, and refuses what lies outside', () => {
    const bytes = randomBytes(16 * 6, 3);
    const file = extentFile([bytes]);
    const [extent] = file.extents;
    if (extent === undefined) throw new Error();
    const storage: StridedStorage = {
      kind: 'strided',
      extent,
      dtype: 'C128',
      start: 0,
      shape: [3, 2],
      strides: [1, 3],
    };
    const out = new Uint8Array(96);
    gatherStrided(storage, file.paths, 0, 6, out);
    const order = [0, 3, 1, 4, 2, 5];
    expect(out).toEqual(Uint8Array.from(order.flatMap((i) => [...bytes.subarray(16 * i, 16 * i + 16)])));
    gatherStrided({ ...storage, bigEndian: true }, file.paths, 0, 1, out.subarray(0, 16));
    expect(out.subarray(0, 16)).toEqual(
      Uint8Array.from([...bytes.slice(0, 8).reverse(), ...bytes.slice(8, 16).reverse()]),
    );
    expect(() => gatherStrided({ ...storage, start: 1 }, file.paths, 0, 6, out)).toThrow(
      expect.objectContaining({ code: 'PACKING_INVALID' }),
    );
    expect(() => load(storage, file.paths, 0, 2)).toThrow(expect.objectContaining({ code: 'DTYPE_UNKNOWN' }));
  });
});

function stridedBlocks(storage: StridedStorage, file: ExtentFile, first: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => blockValue(storage.dtype, file, storage.start + first + i));
}

/** Q8_0: a half, then 32 signed bytes. */
function blockValue(_dtype: DType, file: ExtentFile, element: number): number {
  const [extent] = file.extents;
  if (extent === undefined) throw new Error();
  const bytes = file.bytesOf(extent);
  const block = Math.floor(element / 32) * 34;
  const scale = stridedValue(
    {
      kind: 'strided',
      extent: { ...extent, offset: extent.offset + block, bytes: 34 },
      dtype: 'F16',
      start: 0,
      shape: [1],
      strides: [1],
    },
    file.bytesOf,
    0,
  );
  return Math.fround(scale * (((bytes[block + 2 + (element % 32)] ?? 0) << 24) >> 24));
}

// Packed tensors against the naive formula: every packing, direction, order, kind of value and grouping, any range.

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { loadPacked, loadPackedWindow } from '../../../core/decode/packed.ts';
import { dropKeptBytes } from '../../../core/io/keptBytes.ts';
import { loadKernels } from '../../../core/kernels/wasm.ts';
import type { Grouped, PackedMatrix, PackedStorage } from '../../../core/tensor/storage.ts';
import { extentFile, randomBytes, zPacked } from './descriptors.ts';
import { firstDifference, packedValue } from './straightforward.ts';

const kernels = await loadKernels();
const { arena } = kernels;
afterEach(dropKeptBytes);

function load(storage: PackedStorage, files: Record<number, string>, first: number, count: number): Float32Array {
  return arena.scoped(() => {
    const dst = arena.alloc(count * 4 + 64);
    loadPacked(kernels, storage, files, first, count, dst);
    return arena.f32(dst, count).slice();
  });
}

function wanted(
  storage: PackedMatrix,
  file: ReturnType<typeof extentFile>,
  first: number,
  count: number,
): Float32Array {
  return Float32Array.from({ length: count }, (_, i) =>
    packedValue(storage, file.bytesOf, Math.floor((first + i) / storage.columns), (first + i) % storage.columns),
  );
}

describe('packed tensors', () => {
  it('every description gives what the formula says, on any range', () => {
    fc.assert(
      fc.property(
        zPacked(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (made, a, b) => {
          dropKeptBytes();
          const { storage, file } = made;
          const elements = storage.rows * storage.columns;
          const first = Math.floor(a * elements * 0.999);
          const count = Math.max(1, Math.floor(b * (elements - first)));
          expect(
            firstDifference(load(storage, file.paths, first, count), wanted(storage, file, first, count)),
          ).toBeNull();
        },
      ),
      { numRuns: 400, endOnFailure: true },
    );
  });

  it('every window gives what the formula says', () => {
    fc.assert(
      fc.property(
        zPacked(),
        fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 4, maxLength: 4 }),
        (made, at) => {
          dropKeptBytes();
          const { storage, file } = made;
          const [row0, column0] = [Math.floor((at[0] ?? 0) * storage.rows), Math.floor((at[1] ?? 0) * storage.columns)];
          const row1 = row0 + 1 + Math.floor((at[2] ?? 0) * (storage.rows - row0));
          const column1 = column0 + 1 + Math.floor((at[3] ?? 0) * (storage.columns - column0));
          const count = (row1 - row0) * (column1 - column0);
          const found = arena.scoped(() => {
            const dst = arena.alloc(count * 4 + 64);
            loadPackedWindow(kernels, storage, file.paths, { row0, row1, column0, column1 }, dst);
            return arena.f32(dst, count).slice();
          });
          const rows = Array.from({ length: row1 - row0 }, (_, i) =>
            wanted(storage, file, (row0 + i) * storage.columns + column0, column1 - column0),
          );
          expect(firstDifference(found, Float32Array.from(rows.flatMap((row) => [...row])))).toBeNull();
        },
      ),
      { numRuns: 200, endOnFailure: true },
    );
  });

  it('GPTQ in activation order: codes along stored columns, groups listed', () => {
    const [rows, columns, groups] = [40, 96, 3];
    const file = extentFile([
      randomBytes((columns / 8) * rows * 4, 1),
      randomBytes(groups * (rows / 8) * 4, 2),
      new Uint8Array(Uint16Array.from({ length: groups * rows }, (_, i) => 0x2c00 + i).buffer),
      new Uint8Array(Int32Array.from({ length: columns }, (_, c) => (c * 7) % groups).buffer),
    ]);
    const [codes, zeros, scales, list] = file.extents;
    if (codes === undefined || zeros === undefined || scales === undefined || list === undefined) throw new Error();
    const storage: PackedStorage = {
      kind: 'packed',
      scheme: 'GPTQ, 4 bit, act-order',
      rows,
      columns,
      values: 'unsigned',
      codes: {
        extent: codes,
        rows,
        columns,
        bits: 4,
        wordBytes: 4,
        streams: 'rows',
        streamStride: 1,
        wordStride: rows,
        packing: 'dense',
      },
      zeroOffset: 1,
      zero: {
        rowGroup: 1,
        columnGroup: 'listed',
        matrix: {
          kind: 'packed',
          rows,
          columns: groups,
          values: 'unsigned',
          codes: {
            extent: zeros,
            rows,
            columns: groups,
            bits: 4,
            wordBytes: 4,
            streams: 'columns',
            streamStride: rows / 8,
            wordStride: 1,
            packing: 'dense',
          },
          factors: [],
        },
      },
      factors: [
        {
          rowGroup: 1,
          columnGroup: 'listed',
          matrix: {
            kind: 'plain',
            extent: scales,
            dtype: 'F16',
            rows,
            columns: groups,
            rowStride: 1,
            columnStride: rows,
          },
        },
      ],
      columnGroups: list,
    };
    expect(
      firstDifference(load(storage, file.paths, 0, rows * columns), wanted(storage, file, 0, rows * columns)),
    ).toBeNull();
    expect(firstDifference(load(storage, file.paths, 1237, 1001), wanted(storage, file, 1237, 1001))).toBeNull();

    const wrong = { ...storage, columnGroups: { ...list, offset: codes.offset } };
    expect(() => load(wrong, file.paths, 0, 10)).toThrow(
      /GPTQ, 4 bit, act-order: column \d+ is in group -?\d+, there are 3/,
    );
    expect(() => load(storage, file.paths, rows * columns - 1, 2)).toThrow(/elements 3839 to 3841 wanted of 40 × 96/);
    const short = { ...storage, codes: { ...storage.codes, extent: { ...codes, bytes: codes.bytes - 4 } } };
    expect(() => load(short, file.paths, 0, rows * columns)).toThrow(
      expect.objectContaining({ code: 'PACKING_INVALID' }),
    );
    const few: Grouped = { ...(storage.factors[0] as Grouped), columnGroup: 16 };
    expect(() => load({ ...storage, factors: [few] }, file.paths, 0, 96)).toThrow(
      /group 0, 5 wanted, there are 40 × 3/,
    );
  });
});

// Tiles and channels: nothing large is ever hidden, every place is exact.

import { describe, expect, it } from 'vitest';
import { REFERENCE_DECODERS } from '../../../core/kernels/decode.ts';
import { readChannel } from '../../../core/stats/channel.ts';
import { readTile } from '../../../core/stats/tile.ts';
import { randomBlocks } from '../../fixtures/randomBlocks.ts';
import { bfloat16Bytes, normal, sparseCheckpoint, testPool } from './harness.ts';

const pool = testPool(2);
const f32Bytes = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

describe('tile', () => {
  it('shows one planted outlier of 8192 × 8192 at every size', async () => {
    const [row, column] = [5001, 7777];
    const checkpoint = sparseCheckpoint(
      [{ dtype: 'BF16', shape: [8192, 8192] }],
      [
        { tensor: 0, element: (row - 1) * 8192, bytes: bfloat16Bytes(normal(8192 * 4, 60, 0, 0.02)) },
        { tensor: 0, element: row * 8192 + column, bytes: bfloat16Bytes(Float32Array.of(-48)) },
      ],
    );
    for (const [width, height] of [
      [1, 1],
      [7, 3],
      [256, 256],
      [500, 333],
      [2048, 100],
    ] as const) {
      const tile = await readTile(checkpoint, pool, { tensor: 0, rows: [0, 8192], columns: [0, 8192], width, height });
      const cell = tile.values.indexOf(-48);
      expect(cell, `${width} × ${height}`).toBeGreaterThanOrEqual(0);
      expect(Math.floor(cell / width)).toBe(
        Array.from({ length: height }, (_, i) => Math.floor((i * 8192) / height)).filter((edge) => edge <= row).length -
          1,
      );
      expect([tile.extremeRows[cell], tile.extremeColumns[cell]]).toEqual([row, column]);
    }
    for (const rows of [
      [5001, 5002],
      [4990, 5010],
      [0, 5002],
    ] as const) {
      const tile = await readTile(checkpoint, pool, { tensor: 0, rows, columns: [7700, 7800], width: 10, height: 5 });
      expect(tile.values).toContain(-48);
    }
  });

  it.each(['F32', 'Q4_K', 'Q8_0', 'F16', 'IQ3_S'] as const)('equals a plain search in %s', async (dtype) => {
    const [rows, columns] = [37, 1024];
    const blocks = (rows * columns) / (dtype === 'Q8_0' ? 32 : dtype.includes('K') || dtype === 'IQ3_S' ? 256 : 1);
    const bytes = dtype === 'F32' ? f32Bytes(normal(rows * columns, 61)) : randomBlocks(dtype, blocks, 62);
    const values = new Float32Array(rows * columns);
    REFERENCE_DECODERS[dtype]?.(bytes, values);
    const checkpoint = sparseCheckpoint([{ dtype, shape: [rows, columns] }], [{ tensor: 0, element: 0, bytes }]);
    const window = { rows: [3, 30] as const, columns: [101, 900] as const, width: 13, height: 5 };
    const tile = await readTile(checkpoint, pool, { tensor: 0, ...window });
    const edge = (a: number, n: number, cells: number, i: number): number => a + Math.floor((i * n) / cells);
    for (let y = 0; y < 5; y++)
      for (let x = 0; x < 13; x++) {
        let [best, at] = [-1, -1];
        for (let r = edge(3, 27, 5, y); r < edge(3, 27, 5, y + 1); r++)
          for (let c = edge(101, 799, 13, x); c < edge(101, 799, 13, x + 1); c++) {
            const value = values[r * columns + c] ?? 0;
            const size = Number.isNaN(value) ? Number.MAX_VALUE * 2 : Math.abs(value);
            if (size > best) [best, at] = [size, r * columns + c];
          }
        const cell = y * 13 + x;
        const place = (tile.extremeRows[cell] ?? 0) * columns + (tile.extremeColumns[cell] ?? 0);
        // NaN patterns compare by their bits; any NaN of the cell will do.
        if (Number.isNaN(tile.values[cell])) expect(values[place]).toBeNaN();
        else expect([tile.values[cell], place]).toEqual([values[at], at]);
      }
  });

  it('gives one cell per element of a small window, and marks NaN', async () => {
    const values = Float32Array.of(1, -2, NaN, 4, Infinity, -6);
    const checkpoint = sparseCheckpoint(
      [{ dtype: 'F32', shape: [2, 3] }],
      [{ tensor: 0, element: 0, bytes: f32Bytes(values) }],
    );
    const whole = { tensor: 0, rows: [0, 2] as const, columns: [0, 3] as const };
    const tile = await readTile(checkpoint, pool, { ...whole, width: 64, height: 64 });
    expect(tile).toMatchObject({ width: 3, height: 2, values });
    const small = await readTile(checkpoint, pool, { ...whole, width: 1, height: 2 });
    expect(small.values[0]).toBeNaN();
    expect([small.extremeColumns[0], small.values[1], small.extremeColumns[1]]).toEqual([2, Infinity, 1]);
  });

  it('reads only what a window needs', async () => {
    const checkpoint = sparseCheckpoint([{ dtype: 'BF16', shape: [163_840, 8192] }]);
    const began = performance.now();
    const tile = await readTile(checkpoint, pool, {
      tensor: 0,
      rows: [100_000, 100_100],
      columns: [4000, 4100],
      width: 100,
      height: 100,
    });
    expect(tile.values.length).toBe(10_000);
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it('refuses windows outside the tensor', async () => {
    const checkpoint = sparseCheckpoint([{ dtype: 'F32', shape: [4, 4] }]);
    const bad = { tensor: 0, rows: [0, 5] as const, columns: [0, 4] as const, width: 4, height: 4 };
    await expect(readTile(checkpoint, pool, bad)).rejects.toMatchObject({ code: 'SHAPE_INVALID' });
  });
});

describe('channel', () => {
  it.each([
    ['F32', 300, 200],
    ['BF16', 500, 3000],
  ] as const)('gives rows and columns of %s, %i × %i', async (dtype, rows, columns) => {
    const values = normal(rows * columns, 63);
    const bytes = dtype === 'F32' ? f32Bytes(values) : bfloat16Bytes(values);
    const decoded = new Float32Array(values.length);
    REFERENCE_DECODERS[dtype]?.(bytes, decoded);
    const checkpoint = sparseCheckpoint([{ dtype, shape: [rows, columns] }], [{ tensor: 0, element: 0, bytes }]);
    const row = await readChannel(checkpoint, pool, { tensor: 0, axis: 'row', index: 17 });
    expect(row).toEqual(decoded.slice(17 * columns, 18 * columns));
    const column = await readChannel(checkpoint, pool, { tensor: 0, axis: 'column', index: 123 });
    expect(column).toEqual(Float32Array.from({ length: rows }, (_, r) => decoded[r * columns + 123] ?? 0));
  });

  it('pools what is longer than a view can draw', async () => {
    const checkpoint = sparseCheckpoint(
      [{ dtype: 'F32', shape: [200_000] }],
      [{ tensor: 0, element: 150_001, bytes: f32Bytes(Float32Array.of(-3)) }],
    );
    const values = await readChannel(checkpoint, pool, { tensor: 0, axis: 'row', index: 0 });
    expect(values.length).toBe(50_000);
    expect(values[Math.floor(150_001 / 4)]).toBe(-3);
  });

  it('refuses an index outside', async () => {
    const checkpoint = sparseCheckpoint([{ dtype: 'F32', shape: [4, 4] }]);
    const wanted = { tensor: 0, axis: 'column', index: 4 } as const;
    await expect(readChannel(checkpoint, pool, wanted)).rejects.toMatchObject({ code: 'SHAPE_INVALID' });
  });
});

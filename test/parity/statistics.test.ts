// The statistics kernels against their TypeScript reference: counts and extremes exactly, sums to their stated precision.

import { beforeAll, describe, expect, it } from 'vitest';
import {
  channelMoments,
  extremeOf,
  firstLook,
  patternCounts,
  secondLook,
} from '../../core/kernels/reference/statistics.ts';
import { type Kernels, loadKernels } from '../../core/kernels/wasm.ts';
import { randomBlocks, xorshift32 } from '../fixtures/randomBlocks.ts';

let kernels: Kernels;
beforeAll(async () => {
  kernels = await loadKernels();
});

/** Bits of any kind: subnormal, huge, NaN and infinite among them. */
function anyFloats(count: number, seed: number): Float32Array {
  return new Float32Array(randomBlocks('F32', count, seed).buffer);
}

function bellShaped(count: number, seed: number): Float32Array {
  const next = xorshift32(seed);
  return Float32Array.from({ length: count }, () => {
    let sum = 0;
    for (let i = 0; i < 12; i++) sum += next() / 2 ** 32;
    return (sum - 6) * 0.02;
  });
}

function place(values: Float32Array): number {
  const at = kernels.arena.alloc(values.byteLength + 64);
  kernels.arena.f32(at, values.length).set(values);
  return at;
}

function expectClose(actual: ArrayLike<number>, wanted: readonly number[], scale: readonly number[]): void {
  wanted.forEach((x, i) => {
    expect(Math.abs((actual[i] ?? NaN) - x), `number ${i}: ${actual[i]}, wanted ${x}`).toBeLessThanOrEqual(
      scale[i] ?? 0,
    );
  });
}

describe('moments of a tile', () => {
  it.each([
    ['F32', 128, 512, 0],
    ['F32', 77, 301, 0.001],
    ['F32', 5, 3, 0],
    ['F32', 64, 128, 3],
    ['BF16', 127, 509, 0],
    ['BF16', 2, 4, 1],
  ] as const)('%s, %i × %i around %f', (dtype, rows, columns, mean) => {
    const { arena, run } = kernels;
    arena.scoped(() => {
      const values = bellShaped(rows * columns, 31).map((x) => x + mean);
      const words = new Uint32Array(values.buffer);
      if (dtype === 'BF16')
        words.forEach((word, i) => {
          words[i] = word & 0xffff0000;
        });
      const padded = Math.ceil(columns / 4) * 4;
      const src = place(values);
      const [rowState, columnState, scratch, tables] = [rows * 48, padded * 48, 12352, 1 << 20].map((n) => {
        const at = arena.alloc(n);
        arena.u8(at, n).fill(0);
        return at;
      }) as [number, number, number, number];
      if (dtype === 'F32') run.momentsF32(src, columns * 4, rows, columns, rowState, columnState, padded * 8, scratch);
      else {
        const codes = Uint16Array.from(words, (word) => word >>> 16);
        arena.u8(src, codes.byteLength).set(new Uint8Array(codes.buffer));
        run.countedMomentsBF16(src, columns * 2, rows, columns, rowState, columnState, padded * 8, scratch, tables);
        const counted = new Float64Array(65536);
        arena.u32(tables, 4 * 65536).forEach((count, i) => {
          counted[i % 65536] = (counted[i % 65536] ?? 0) + count;
        });
        expect(counted).toEqual(patternCounts(codes, 65536));
      }
      const check = (actual: ArrayLike<number>, channel: Float32Array): void => {
        const wanted = channelMoments(channel);
        const [n, , m2, , m4] = wanted;
        const sigma = Math.sqrt(m2 / n) || 1e-30;
        expectClose(actual, wanted, [0, sigma * 1e-6, m2 * 2e-6, n * sigma ** 3 * 1e-5, m4 * 1e-5, 0]);
      };
      for (let row = 0; row < rows; row++)
        check(arena.f64(rowState + row * 48, 6), values.subarray(row * columns, (row + 1) * columns));
      const state = arena.f64(columnState, padded * 6);
      for (let c = 0; c < columns; c++)
        check(
          [0, 1, 2, 3, 4, 5].map((k) => state[k * padded + c] ?? NaN),
          Float32Array.from({ length: rows }, (_, row) => values[row * columns + c] ?? 0),
        );
    });
  });
});

describe('counts', () => {
  it('of bytes', () => {
    const { arena, run } = kernels;
    const codes = randomBlocks('U8', 10_007, 32);
    arena.scoped(() => {
      const src = arena.alloc(codes.length);
      arena.u8(src, codes.length).set(codes);
      const tables = arena.alloc(4096);
      arena.u32(tables, 1024).fill(0);
      run.countPatterns8(src, codes.length, tables);
      const counted = new Float64Array(256);
      arena.u32(tables, 1024).forEach((count, i) => {
        counted[i % 256] = (counted[i % 256] ?? 0) + count;
      });
      expect(counted).toEqual(patternCounts(codes, 256));
    });
  });

  it('of 16-bit codes', () => {
    const { arena, run } = kernels;
    const codes = new Uint16Array(randomBlocks('U16', 100_003, 33).buffer);
    arena.scoped(() => {
      const src = arena.alloc(codes.byteLength);
      arena.u8(src, codes.byteLength).set(new Uint8Array(codes.buffer));
      const tables = arena.alloc(1 << 20);
      arena.u32(tables, 4 * 65536).fill(0);
      run.countPatterns16(src, codes.length, tables);
      const counted = new Float64Array(65536);
      arena.u32(tables, 4 * 65536).forEach((count, i) => {
        counted[i % 65536] = (counted[i % 65536] ?? 0) + count;
      });
      expect(counted).toEqual(patternCounts(codes, 65536));
    });
  });
});

describe('looks', () => {
  it.each([
    ['bell-shaped', (): Float32Array => bellShaped(50_003, 34)],
    ['any bits', (): Float32Array => anyFloats(5_001, 35)],
    ['a few', (): Float32Array => bellShaped(7, 36)],
  ])('first, %s', (_, make) => {
    const { arena, run } = kernels;
    const values = make();
    arena.scoped(() => {
      const src = place(values);
      const out = arena.alloc(64);
      arena.f64(out, 8).set([0, 0, Infinity, -Infinity, 0, 0, 0, 0]);
      run.firstLook(src, values.length, out);
      const actual = arena.f64(out, 8);
      const wanted = [...firstLook(values)];
      const absSum = wanted[1] ?? 0;
      expectClose(actual, wanted, [absSum * 1e-12, absSum * 1e-6, 0, 0, 0, 0, 0, 0]);
    });
  });

  it.each([
    ['by pairs', false],
    ['one by one, with NaN and infinities', true],
  ])('second, %s', (_, single) => {
    const { arena, run } = kernels;
    const values = bellShaped(100_003, 37);
    if (single) values.set([NaN, Infinity, -Infinity], 500);
    const look = firstLook(values);
    const [min = 0, max = 0] = [look[2], look[3]];
    const limits = {
      min,
      scale: 256 / (max - min),
      high3: Math.fround(0.06),
      low3: Math.fround(-0.06),
      high6: Math.fround(0.1),
      low6: Math.fround(-0.1),
      multiples: [0.048, 0.07, 0.09, 0.11].map(Math.fround),
    };
    arena.scoped(() => {
      const src = place(values);
      const [packed, pairs, bins, beyond] = [64, 1 << 18, 1024, 24].map((n) => {
        const at = arena.alloc(n);
        arena.u8(at, n).fill(0);
        return at;
      }) as [number, number, number, number];
      arena.f64(packed, 2).set([limits.min, limits.scale]);
      const { high3, low3, high6, low6, multiples } = limits;
      arena.f32(packed + 16, 9).set([high3, low3, high6, low6, ...multiples, multiples[0] ?? 0]);
      run.secondLook(src, values.length, packed, pairs, bins, beyond, single ? 1 : 0);
      const histogram = Float64Array.from(arena.u32(bins, 256));
      arena.u32(pairs, 65536).forEach((count, i) => {
        histogram[i & 255] = (histogram[i & 255] ?? 0) + count;
        histogram[i >> 8] = (histogram[i >> 8] ?? 0) + count;
      });
      const wanted = secondLook(values, limits);
      expect(histogram).toEqual(wanted.histogram);
      expect([...arena.u32(beyond, 6)]).toEqual(wanted.beyond);
    });
  });
});

describe('tile extremes', () => {
  it('of cells of every width', () => {
    const { arena, run } = kernels;
    const [rows, columns] = [3, 97];
    const values = anyFloats(rows * columns, 38);
    const edges = Uint32Array.of(0, 1, 3, 10, 26, 59, 97);
    const cells = edges.length - 1;
    arena.scoped(() => {
      const src = place(values);
      const edgesAt = arena.alloc(edges.byteLength);
      const best = arena.alloc(cells * 4);
      const places = arena.alloc(cells * 8);
      arena.u32(edgesAt, edges.length).set(edges);
      for (let row = 0; row < rows; row++)
        run.extremesOfRow(src + row * columns * 4, edgesAt, cells, row, best, places, row === 0 ? 1 : 0);
      for (let cell = 0; cell < cells; cell++) {
        const [from = 0, to = 0] = edges.subarray(cell, cell + 2);
        const own = Float32Array.from({ length: rows * (to - from) });
        const words = new Uint32Array(own.buffer);
        const all = new Uint32Array(values.buffer);
        for (let i = 0; i < own.length; i++)
          words[i] = all[Math.floor(i / (to - from)) * columns + from + (i % (to - from))] ?? 0;
        const at = extremeOf(own);
        expect(arena.u32(best, cells)[cell]).toBe(words[at]);
        expect([...arena.u32(places + cell * 8, 2)]).toEqual([Math.floor(at / (to - from)), from + (at % (to - from))]);
      }
    });
  });
});

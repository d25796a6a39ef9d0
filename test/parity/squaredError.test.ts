// The error kernels: WASM equals the TypeScript reference bit for bit, and both a plain float64 loop closely.

import { beforeAll, describe, expect, it } from 'vitest';
import { squaredError, sumOfSquares, weightedError } from '../../core/kernels/reference/squaredError.ts';
import { type Kernels, loadKernels } from '../../core/kernels/wasm.ts';

let kernels: Kernels;
beforeAll(async () => {
  kernels = await loadKernels();
});

function vector(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * 2 ** ((state % 41) - 20);
  });
}

function inWasm(a: Float32Array, b: Float32Array, misalign: number): { signal: number; noise: number } {
  const { arena, run } = kernels;
  return arena.scoped(() => {
    const pa = arena.alloc(a.length * 4 + 16) + misalign;
    const pb = arena.alloc(b.length * 4 + 16);
    arena.u8(pa, a.length * 4).set(new Uint8Array(a.buffer, a.byteOffset, a.length * 4));
    arena.f32(pb, b.length).set(b);
    return { signal: run.sumOfSquares(pa, a.length), noise: run.squaredError(pa, pb, a.length) };
  });
}

describe('squared error', () => {
  it.each([0, 1, 3, 4, 5, 31, 256, 4099])('of %i elements equals the reference bit for bit', (count) => {
    const a = vector(count, 1);
    const b = vector(count, 2);
    const got = inWasm(a, b, 4);
    expect(Object.is(got.signal, sumOfSquares(a))).toBe(true);
    expect(Object.is(got.noise, squaredError(a, b))).toBe(true);
    let plain = 0;
    for (let i = 0; i < count; i++) plain += ((a[i] ?? 0) - (b[i] ?? 0)) * ((a[i] ?? 0) - (b[i] ?? 0));
    expect(Math.abs(got.noise - plain)).toBeLessThanOrEqual(1e-13 * plain);
  });

  it('keeps differences float32 would lose, and does not overflow on the largest weights', () => {
    expect(inWasm(Float32Array.of(1e8), Float32Array.of(0.25), 0).noise).toBe((1e8 - 0.25) ** 2);
    expect(inWasm(Float32Array.of(3e38, 3e38, 3e38, 3e38), new Float32Array(4), 0).signal).toBeGreaterThan(1e77);
  });

  it('is NaN or infinite as soon as one element is', () => {
    for (const at of [0, 2, 4]) {
      const a = new Float32Array(5);
      a[at] = Number.NaN;
      expect(inWasm(a, new Float32Array(5), 0)).toEqual({ signal: Number.NaN, noise: Number.NaN });
      a[at] = Number.NEGATIVE_INFINITY;
      expect(inWasm(a, new Float32Array(5), 0).signal).toBe(Number.POSITIVE_INFINITY);
    }
  });
});

describe('weighted squared error', () => {
  it.each([
    [1, 1],
    [3, 7],
    [5, 32],
    [2, 259],
  ])('of %i rows of %i columns equals the reference bit for bit', (rows, columns) => {
    const a = vector(rows * columns, 3);
    const b = vector(rows * columns, 4);
    const weights = vector(columns, 5).map(Math.abs);
    const { arena, run } = kernels;
    const [signal, noise] = arena.scoped(() => {
      const [pa, pb, pw] = [a, b, weights].map((values) => {
        const at = arena.alloc(values.length * 4 + 16);
        arena.f32(at, values.length).set(values);
        return at;
      }) as [number, number, number];
      return [run.weightedSquares(pa, pw, rows, columns), run.weightedError(pa, pb, pw, rows, columns)];
    });
    expect(Object.is(signal, weightedError(a, weights))).toBe(true);
    expect(Object.is(noise, weightedError(a, weights, b))).toBe(true);
    let plain = 0;
    a.forEach((x, i) => {
      plain += (weights[i % columns] ?? 0) * (x - (b[i] ?? 0)) ** 2;
    });
    expect(Math.abs(noise - plain)).toBeLessThanOrEqual(1e-12 * plain);
  });
});

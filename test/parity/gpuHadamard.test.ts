// The Hadamard transform on the adapter against the matrix itself in float64.

import { describe, expect, it } from 'vitest';
import { gpuHadamard } from '../../core/kernels/gpu/hadamard.ts';
import { quantizerInput } from '../fixtures/quantizerInputs.ts';
import { softwareGpu as gpu, openSoftwareGpu } from '../fixtures/softwareGpu.ts';

/** Element (i, j) of Sylvester's matrix: −1 for an odd number of common bits. */
function signOf(i: number, j: number): number {
  let common = i & j;
  let odd = 0;
  for (; common !== 0; common &= common - 1) odd ^= 1;
  return odd === 0 ? 1 : -1;
}

/** The bound of its docstring. */
function expectTransform(values: Float32Array, rotated: Float32Array, block: number): void {
  for (let first = 0; first < values.length; first += block) {
    const x = values.subarray(first, first + block);
    const norm = Math.hypot(...x);
    for (let i = 0; i < block; i++) {
      const expected = x.reduce((sum, v, j) => sum + signOf(i, j) * v, 0) / Math.sqrt(block);
      const bound = (Math.log2(block) + 4) * 2 ** -23 * norm;
      expect(Math.abs((rotated[first + i] ?? Number.NaN) - expected)).toBeLessThanOrEqual(bound);
    }
  }
}

describe.runIf(gpu !== null)('Hadamard transform', () => {
  it.each([1, 2, 32, 128, 1024])('blocks of %i', async (block) => {
    if (gpu === null) return;
    for (const input of ['gaussian', 'oneOutlier', 'heavyTailed'] as const) {
      const values = quantizerInput(input, 1024);
      expectTransform(values, await gpuHadamard(gpu, values, block), block);
    }
  });

  it('is its own inverse in the largest block', async () => {
    if (gpu === null) return;
    const values = quantizerInput('gaussian', 3 * 4096);
    const back = await gpuHadamard(gpu, await gpuHadamard(gpu, values, 4096), 4096);
    const norm = Math.hypot(...values);
    back.forEach((v, i) => {
      expect(Math.abs(v - (values[i] ?? Number.NaN))).toBeLessThanOrEqual(2 * 16 * 2 ** -23 * norm);
    });
  });

  it('in tiles', async () => {
    const small = await openSoftwareGpu(4096);
    if (small === null) return;
    await using tiled = small;
    const values = quantizerInput('gaussian', 41 * 64);
    expectTransform(values, await gpuHadamard(tiled, values, 64), 64);
  });

  it.each([3, 8192, 48])('refuses blocks of %i', async (block) => {
    if (gpu === null) return;
    await expect(gpuHadamard(gpu, new Float32Array(96), block)).rejects.toMatchObject({ code: 'SHAPE_INVALID' });
  });
});

// Largest magnitudes of groups on the adapter equal the reference's.

import { describe, expect, it } from 'vitest';
import { gpuAbsMax } from '../../core/kernels/gpu/absMax.ts';
import { extremeOf } from '../../core/kernels/reference/statistics.ts';
import { mixedMagnitudes } from '../fixtures/quantizerInputs.ts';
import { softwareGpu as gpu, openSoftwareGpu } from '../fixtures/softwareGpu.ts';

function expected(values: Float32Array, group: number): Float32Array {
  return Float32Array.from({ length: values.length / group }, (_, at) => {
    const own = values.subarray(at * group, (at + 1) * group);
    return Math.abs(own[extremeOf(own)] ?? 0);
  });
}

describe.runIf(gpu !== null)('largest magnitudes', () => {
  it.each([1, 32, 100, 4096])('of groups of %i, infinities and NaN included', async (group) => {
    if (gpu === null) return;
    const values = mixedMagnitudes(1, 7 * group);
    values[group] = Number.POSITIVE_INFINITY;
    values[3 * group] = Number.NaN;
    expect(await gpuAbsMax(gpu, values, group)).toEqual(expected(values, group));
  });

  it('in tiles', async () => {
    const small = await openSoftwareGpu(4096);
    if (small === null) return;
    await using tiled = small;
    const values = mixedMagnitudes(2, 301 * 32);
    expect(await gpuAbsMax(tiled, values, 32)).toEqual(expected(values, 32));
  });
});

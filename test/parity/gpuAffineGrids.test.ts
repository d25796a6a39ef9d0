// Grids and range search on the adapter: the bits of the WASM kernel, which are the reference's.

import { describe, expect, it } from 'vitest';
import { affineGrids } from '../../core/kernels/affineGrids.ts';
import { gpuAffineGrids } from '../../core/kernels/gpu/affineGrids.ts';
import { loadKernels } from '../../core/kernels/wasm.ts';
import { INPUT_NAMES, quantizerInput } from '../fixtures/quantizerInputs.ts';
import { softwareGpu as gpu, openSoftwareGpu } from '../fixtures/softwareGpu.ts';

const kernels = await loadKernels();

/** bits, symmetric, range search, group size */
const KINDS = [
  [2, false, true, 64],
  [4, true, true, 32],
  [8, false, true, 30],
  [3, false, false, 64],
] as const;

describe.runIf(gpu !== null)('affine grids', () => {
  it.each(INPUT_NAMES)('%s', async (input) => {
    if (gpu === null) return;
    for (const [bits, symmetric, rangeSearch, groupSize] of KINDS) {
      const kind = { bits, symmetric, rangeSearch };
      const values = quantizerInput(input, 4 * groupSize);
      expect(await gpuAffineGrids(gpu, values, groupSize, kind)).toEqual(affineGrids(kernels, values, groupSize, kind));
    }
  });

  it('in tiles', async () => {
    const small = await openSoftwareGpu(1024);
    if (small === null) return;
    await using tiled = small;
    const kind = { bits: 3, symmetric: false, rangeSearch: true };
    const values = quantizerInput('gaussian', 37 * 32);
    expect(await gpuAffineGrids(tiled, values, 32, kind)).toEqual(affineGrids(kernels, values, 32, kind));
  });
});

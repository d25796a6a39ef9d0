// GPTQ and Cholesky factors on the adapter: within their bounds of the float64 reference.

import { describe, expect, it } from 'vitest';
import { gpuCholesky } from '../../core/kernels/gpu/cholesky.ts';
import { loadKernels } from '../../core/kernels/wasm.ts';
import { dampedHessian, feedbackOf, orderOf, unitUpper } from '../../core/quant/gptq/feedback.ts';
import {
  GPTQ_DEFAULTS,
  type GptqSettings,
  type Matrix,
  type QuantizedMatrix,
  roundToNearest,
} from '../../core/quant/gptq/gptq.ts';
import { gptqOnGpu } from '../../core/quant/gptq/gptqGpu.ts';
import { gptqOnWasm } from '../../core/quant/gptq/gptqWasm.ts';
import { outputError } from '../../core/quant/gptq/outputError.ts';
import { randomHessian, randomMatrix } from '../fixtures/layers.ts';
import { softwareGpu as gpu, openSoftwareGpu } from '../fixtures/softwareGpu.ts';

const SETTINGS: GptqSettings = { ...GPTQ_DEFAULTS, bits: 4, symmetric: false, groupSize: null };
const kernels = await loadKernels();

describe.runIf(gpu !== null)('the factor', () => {
  it.each([1, 64, 65, 200])('of %i columns', async (n) => {
    if (gpu === null) return;
    const hessian = randomHessian(n, n);
    const expected = feedbackOf(hessian, n, { actOrder: false, damping: 0.01 }).factor;
    const factor = dampedHessian(hessian, orderOf(hessian, n, false), 0.01);
    expect(await gpuCholesky(gpu, factor, n)).toBe(-1);
    unitUpper(factor, n);
    const most = factor.reduce((found, u, i) => Math.max(found, Math.abs(u - (expected[i] ?? Number.NaN))), 0);
    expect(most).toBeLessThan(n * 2 ** -24);
  });

  it.each([0, 63, 64, 150])('names row %i when its pivot is not positive', async (row) => {
    if (gpu === null) return;
    const h = Float64Array.from({ length: 151 * 151 }, (_, i) => (i % 152 === 0 ? 4 : 0));
    for (const pivot of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(await gpuCholesky(gpu, h.with(row * 152, pivot), 151)).toBe(row);
  });
});

/** The bounds of gptqOnGpu. */
function expectClose(weights: Matrix, hessian: Float64Array, settings: GptqSettings, found: QuantizedMatrix): void {
  const expected = gptqOnWasm(kernels, weights, hessian, settings);
  const other = found.codes.reduce((count, code, i) => count + Number(code !== expected.codes[i]), 0);
  expect(other).toBeLessThanOrEqual(0.01 * found.codes.length);
  const error = outputError(weights, found.values, hessian);
  expect(error).toBeLessThanOrEqual(1.01 * outputError(weights, expected.values, hessian));
  if (settings.actOrder) expect(found.grids).toEqual(expected.grids);
}

describe.runIf(gpu !== null)('codes, grids and levels', () => {
  it.each([
    ['one group a row', 37, 200, {}],
    ['groups smaller than a block', 5, 192, { groupSize: 32, bits: 3 }],
    ['groups across blocks, ranges searched', 9, 192, { groupSize: 96, rangeSearch: true }],
    ['symmetric, by diagonal', 70, 130, { symmetric: true, actOrder: true }],
    ['groups by diagonal, ranges searched', 8, 80, { groupSize: 20, actOrder: true, rangeSearch: true, bits: 2 }],
    ['8 bits', 66, 40, { bits: 8, groupSize: 8 }],
    ['one column', 3, 1, {}],
  ] as const)('%s', async (_, rows, columns, more) => {
    if (gpu === null) return;
    const weights = randomMatrix(rows, columns, 2);
    const hessian = randomHessian(columns, 3);
    const settings = { ...SETTINGS, ...more };
    expectClose(weights, hessian, settings, await gptqOnGpu(gpu, weights, hessian, settings));
  });

  it('of fewer tokens than columns, in any unit', async () => {
    if (gpu === null) return;
    const weights = randomMatrix(16, 200, 4);
    for (const unit of [1e-30, 1e12]) {
      const hessian = randomHessian(200, 5, 30).map((h) => unit * h);
      expectClose(weights, hessian, SETTINGS, await gptqOnGpu(gpu, weights, hessian, SETTINGS));
    }
  });

  it('without correlation: those of rounding to nearest', async () => {
    if (gpu === null) return;
    const weights = randomMatrix(4, 64, 5);
    const hessian = Float64Array.from({ length: 64 * 64 }, (_, k) => (k % 65 === 0 ? 1 + k : 0));
    const settings = { ...SETTINGS, groupSize: 16 };
    expect(await gptqOnGpu(gpu, weights, hessian, settings)).toEqual(roundToNearest(weights, settings));
  });

  it('in tiles', async () => {
    if (gpu === null) return;
    const small = await openSoftwareGpu(16_384);
    if (small === null) return;
    await using tiled = small;
    const weights = randomMatrix(50, 192, 6);
    const hessian = randomHessian(192, 7);
    const settings = { ...SETTINGS, groupSize: 64 };
    expect(await gptqOnGpu(tiled, weights, hessian, settings)).toEqual(
      await gptqOnGpu(gpu, weights, hessian, settings),
    );
  });

  it('refuses what the reference refuses, stops when told to, and says when the device is lost', async () => {
    if (gpu === null) return;
    const weights = randomMatrix(2, 4, 9);
    const indefinite = Float64Array.of(1, 2, 0, 0, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
    await expect(gptqOnGpu(gpu, weights, indefinite, SETTINGS)).rejects.toThrow(
      /not positive definite at column 0 of 4/,
    );
    const hessian = randomHessian(4, 1);
    const stopped = gptqOnGpu(gpu, weights, hessian, SETTINGS, AbortSignal.abort());
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    const lost = await openSoftwareGpu();
    lost?.lose();
    if (lost !== null)
      await expect(gptqOnGpu(lost, weights, hessian, SETTINGS)).rejects.toMatchObject({ code: 'DEVICE_LOST' });
  });
});

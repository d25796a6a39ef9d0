// GPTQ, its grids and its factor by the WASM kernels: the bits of the reference.

import { beforeAll, describe, expect, it } from 'vitest';
import type { QuantscopeError } from '../../core/base/errors.ts';
import { affineGrids } from '../../core/kernels/affineGrids.ts';
import { choleskyFactor } from '../../core/kernels/cholesky.ts';
import { type Kernels, loadKernels } from '../../core/kernels/wasm.ts';
import { affineGrid } from '../../core/quant/gptq/affineGrid.ts';
import { feedbackOf } from '../../core/quant/gptq/feedback.ts';
import { GPTQ_DEFAULTS, type GptqSettings, gptq } from '../../core/quant/gptq/gptq.ts';
import { gptqOnWasm } from '../../core/quant/gptq/gptqWasm.ts';
import { randomHessian, randomMatrix } from '../fixtures/layers.ts';
import { INPUT_NAMES, quantizerInput } from '../fixtures/quantizerInputs.ts';

const SETTINGS: GptqSettings = { ...GPTQ_DEFAULTS, bits: 4, symmetric: false, groupSize: null };

let kernels: Kernels;
beforeAll(async () => {
  kernels = await loadKernels();
});

describe.each([2, 4, 8])('grids of %i bits', (bits) => {
  it.each(INPUT_NAMES)('%s', (input) => {
    for (const groupSize of [1, 30, 128])
      for (const symmetric of [false, true])
        for (const rangeSearch of [false, true]) {
          const settings = { bits, symmetric, rangeSearch };
          const values = quantizerInput(input, groupSize * 5);
          const { scales, zeros } = affineGrids(kernels, values, groupSize, settings);
          scales.forEach((scale, group) => {
            const expected = affineGrid(values.subarray(group * groupSize, (group + 1) * groupSize), settings);
            expect({ scale, zero: zeros[group] }).toEqual(expected);
          });
        }
  });
});

describe('the factor', () => {
  it.each([1, 5, 64, 65, 131, 200])('of %i columns', (n) => {
    const hessian = randomHessian(n, n);
    const settings = { actOrder: false, damping: 0.01 };
    const expected = feedbackOf(hessian, n, settings);
    const found = feedbackOf(hessian, n, settings, (h) => expect(choleskyFactor(kernels, h, n)).toBe(-1));
    expect(found.factor).toEqual(expected.factor);
  });

  it.each([0, 63, 64, 150])('names row %i when its pivot is not positive', (row) => {
    const h = Float64Array.from({ length: 151 * 151 }, (_, i) => (i % 152 === 0 ? 4 : 0));
    for (const pivot of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(choleskyFactor(kernels, h.with(row * 152, pivot), 151)).toBe(row);
  });
});

describe('codes, grids and levels', () => {
  it.each([
    ['one group a row', 37, 200, {}],
    ['groups smaller than a block', 5, 192, { groupSize: 32, bits: 3 }],
    ['groups across blocks, ranges searched', 9, 288, { groupSize: 96, rangeSearch: true }],
    ['symmetric, by diagonal', 12, 130, { symmetric: true, actOrder: true }],
    ['groups by diagonal, ranges searched', 8, 160, { groupSize: 20, actOrder: true, rangeSearch: true, bits: 2 }],
    ['8 bits, more rows than a chunk', 251, 40, { bits: 8, groupSize: 8 }],
    ['one column', 3, 1, {}],
  ] as const)('%s', (_, rows, columns, more) => {
    const weights = randomMatrix(rows, columns, 2);
    const hessian = randomHessian(columns, 3);
    const settings = { ...SETTINGS, ...more };
    expect(gptqOnWasm(kernels, weights, hessian, settings)).toEqual(gptq(weights, hessian, settings));
  });

  it('refuses what the reference refuses, and stops when told to', () => {
    const weights = randomMatrix(2, 4, 9);
    const indefinite = Float64Array.of(1, 2, 0, 0, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
    expect(() => gptqOnWasm(kernels, weights, indefinite, SETTINGS)).toThrow(/not positive definite at column 0 of 4/);
    expect(() => gptqOnWasm(kernels, weights, new Float64Array(9), SETTINGS)).toThrow(/2 × 4 weights/);
    const stopped = (): unknown => gptqOnWasm(kernels, weights, randomHessian(4, 1), SETTINGS, AbortSignal.abort());
    expect(stopped).toThrow(expect.objectContaining({ code: 'CANCELLED' }) as QuantscopeError);
  });
});

// GPTQ's rounding to levels of any kind by blocks of columns: the bits of the plain loop.

import { describe, expect, it } from 'vitest';
import { loadKernels } from '../../core/kernels/wasm.ts';
import { feedbackOf } from '../../core/quant/gptq/feedback.ts';
import { type Levels, roundRows } from '../../core/quant/gptq/gptq.ts';
import { roundRowsOnWasm } from '../../core/quant/gptq/roundRowsWasm.ts';
import { BlockLevels } from '../../core/quant/rounding/blockLevels.ts';
import { randomHessian, randomMatrix } from '../fixtures/layers.ts';

const kernels = await loadKernels();

describe('rows rounded', () => {
  it.each([
    ['Q4_0', 5, 224],
    ['Q5_1', 18, 96],
    ['Q4_K', 3, 512],
    ['IQ4_NL', 2, 64],
  ] as const)('to levels of %s', (type, rows, columns) => {
    const weights = randomMatrix(rows, columns, 1);
    const feedback = feedbackOf(randomHessian(columns, 2, 64), columns, { actOrder: false, damping: 0.01 });
    const importance = Float32Array.from({ length: columns }, (_, i) => 1 + (i % 7));
    const bytesOf = (round: (levels: Levels) => void): Uint8Array =>
      kernels.arena.scoped(() => {
        const levels = new BlockLevels(kernels, { type, rows, columns }, importance);
        round(levels);
        return levels.bytes;
      });
    let blocks = 0;
    const found = bytesOf((levels) => roundRowsOnWasm(kernels, weights, feedback, levels, () => void blocks++));
    expect(found).toEqual(bytesOf((levels) => roundRows(weights, feedback, levels, () => {})));
    expect(blocks).toBe(Math.ceil(columns / 64));
  });

  it('in any order, whatever number of columns', () => {
    const [rows, columns] = [7, 131];
    const weights = randomMatrix(rows, columns, 3);
    const feedback = feedbackOf(randomHessian(columns, 4), columns, { actOrder: true, damping: 0.01 });
    const levelsOf = (round: (levels: Levels) => void): Float32Array => {
      const out = new Float32Array(rows * columns);
      round({
        round: (row, column, w) => {
          out[row * columns + column] = Math.round(w * 32) / 32;
          return out[row * columns + column] ?? Number.NaN;
        },
      });
      return out;
    };
    const found = levelsOf((levels) => roundRowsOnWasm(kernels, weights, feedback, levels, () => {}));
    expect(found).toEqual(levelsOf((levels) => roundRows(weights, feedback, levels, () => {})));
  });
});

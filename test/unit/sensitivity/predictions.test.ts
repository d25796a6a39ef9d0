// Divergence computed beside the logits in float32: as exact as float64 for divergences of every size.

import { afterAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { divergence } from '../../../core/evaluation/likelihood.ts';
import type { Hidden } from '../../../core/forward/blocks.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { headLogits } from '../../../core/forward/head.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { comparePredictions } from '../../../core/sensitivity/predictions.ts';
import { SAMPLE } from './scoredModel.ts';

const pool = createPool(new URL('../../../core/engine/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const [SEQUENCES, TOKENS] = [3, 50];

function state(width: number, shift: number): Hidden {
  const values = Float32Array.from(
    { length: SEQUENCES * TOKENS * width },
    (_, i) => Math.sin(i * 0.37) + shift * Math.cos(i * 1.7),
  );
  return { values, sequences: SEQUENCES, tokens: TOKENS };
}

describe('comparePredictions', () => {
  // Shifts of the hidden state whose divergences reach from far below any type's to far above.
  test.each([1e-3, 1e-2, 0.1, 1])('a shift of %d', async (shift) => {
    const { parts } = await Decoder.open(await openCheckpoint(SAMPLE), pool);
    const { width, vocabulary } = parts.network;
    const [original, changed] = [state(width, 0), state(width, shift)];
    const [found] = await comparePredictions(parts, [{ hidden: original }, { hidden: changed }], undefined);
    const bySequence = new Float64Array(SEQUENCES);
    for await (const { first, logits } of headLogits(parts, [original, changed], { from: 0, signal: undefined })) {
      const [p = new Float32Array(), q = new Float32Array()] = logits;
      for (let row = 0; row * vocabulary < p.length; row++) {
        const [begin, end] = [row * vocabulary, (row + 1) * vocabulary];
        const sequence = Math.floor((first + row) / TOKENS);
        bySequence[sequence] =
          (bySequence[sequence] ?? 0) + divergence(p.subarray(begin, end), q.subarray(begin, end)) / TOKENS;
      }
    }
    const mean = bySequence.reduce((a, b) => a + b, 0) / SEQUENCES;
    const variance = bySequence.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (SEQUENCES - 1);
    expect((found?.divergence.value ?? 0) / mean).toBeCloseTo(1, shift < 0.01 ? 2 : 4);
    expect((found?.divergence.error ?? 0) / Math.sqrt(variance / SEQUENCES)).toBeCloseTo(1, shift < 0.01 ? 1 : 3);
  });

  test('the same state diverges by nothing', async () => {
    const { parts } = await Decoder.open(await openCheckpoint(SAMPLE), pool);
    const hidden = state(parts.network.width, 0);
    const [found] = await comparePredictions(parts, [{ hidden }, { hidden }], undefined);
    expect(found).toEqual({ divergence: { value: 0, error: 0 }, logits: { value: 0, error: 0 } });
  });
});

// Logits of every family against transformers': the golden logits of test/fixtures/forward.

import { afterAll, describe, expect, test } from 'vitest';
import { createPool } from '../../../core/kernels/pool.ts';
import { goldenModel, goldenNames, relativeError } from '../../fixtures/forward/goldenModels.ts';
import { logitsOf } from './logitsOf.ts';

/** Float32 against float64; measured: below 6e-5. */
const TOLERANCE = 1e-4;
const pool = createPool(new URL('./worker.ts', import.meta.url), 1);
afterAll(() => pool.close());

describe('golden logits', () => {
  test('of every family', () => expect(goldenNames()).toHaveLength(22));

  test.each(goldenNames())('%s', async (name) => {
    const { path, tokens, logits } = goldenModel(name);
    const error = relativeError(await logitsOf(path, tokens, pool), logits);
    if (process.env.QUANTSCOPE_SHOW) console.log(name, error.toExponential(1));
    expect(error).toBeLessThan(TOLERANCE);
  });

  test('differ when one value does', () => {
    const { logits } = goldenModel('llama');
    const changed = logits.slice();
    changed[100] = (changed[100] ?? 0) * 1.0002;
    expect(relativeError(changed, logits)).toBeGreaterThan(TOLERANCE);
  });
});

// Logits of every family against transformers': the golden logits of test/fixtures/forward.

import { afterAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { GOLDEN_VOCABULARY, goldenModel, goldenNames, relativeError } from '../../fixtures/forward/goldenModels.ts';

/** Float32 against float64; measured: below 4e-5. */
const TOLERANCE = 1e-4;
/** Families whose graphs are not written yet. */
const NOT_YET = new Set([
  'gemma2',
  'gemma3',
  'gpt-neox',
  'gpt-neox-sequential',
  'gpt2',
  'llama-biased',
  'mistral',
  'opt',
  'opt-post-norm',
  'phi3',
  'phi3-longrope',
  'phi3-longrope-long',
  'mixtral',
  'qwen2-moe',
  'qwen3-moe',
  'qwen3-moe-stacked',
  'bert',
  'roberta',
]);

const pool = createPool(new URL('./worker.ts', import.meta.url), 1);
afterAll(() => pool.close());

describe('golden logits', () => {
  test('of every family', () => expect(goldenNames()).toHaveLength(21));

  test.each(goldenNames().filter((name) => !NOT_YET.has(name)))('%s', async (name) => {
    const golden = goldenModel(name);
    const decoder = await Decoder.open(await openCheckpoint(golden.path), pool);
    const found = new Float32Array(golden.logits.length);
    for await (const { first, logits } of decoder.logits(golden.tokens, 0))
      found.set(logits, first * GOLDEN_VOCABULARY);
    const error = relativeError(found, golden.logits);
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

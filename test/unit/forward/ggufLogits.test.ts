// The golden models as GGUF: other names, norms with 1 added, transposed and reordered matrices, the same logits.

import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createPool } from '../../../core/kernels/pool.ts';
import { GOLDEN_FOLDER, goldenModel, relativeError } from '../../fixtures/forward/goldenModels.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { denseGguf } from './denseGguf.ts';
import { logitsOf } from './logitsOf.ts';

/** As goldenLogits.test.ts. */
const TOLERANCE = 1e-4;
const folder = temporaryFolder();
const pool = createPool(new URL('./worker.ts', import.meta.url), 1);
afterAll(() => pool.close());

// Without Mistral and Phi 3 with a window: GGUF's graphs of these have none.
test.each([
  'gemma2',
  'gemma3',
  'gpt-neox',
  'gpt-neox-sequential',
  'gpt2',
  'llama-biased',
  'phi3-longrope',
  'phi3-longrope-long',
  'qwen2',
  'qwen3',
])('%s', async (name) => {
  const { tokens, logits } = goldenModel(name);
  const { tensors, keyValues } = denseGguf(join(GOLDEN_FOLDER, name));
  const path = join(folder, `${name}.gguf`);
  writeGguf(path, tensors, keyValues);
  expect(relativeError(await logitsOf(path, tokens, pool), logits)).toBeLessThan(TOLERANCE);
});

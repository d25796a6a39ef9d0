// Our forward pass and llama.cpp's on the same GGUF files: the same tokens, the same likelihoods.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { measurePerplexity } from '../../../core/evaluation/perplexity.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import type { GgufTarget } from '../../../core/quant/ggufTypes.ts';
import { openTokenizer } from '../../../core/tokenizer/textTokenizer.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { testPool } from '../../unit/export/exportFixtures.ts';
import { planFor } from '../../unit/export/plans.ts';
import { generate, llamaModule } from './generate.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const STORIES = sharedData('models/stories260K-gguf/testdata/stories260K.gguf');
const folder = temporaryFolder();
const pool = testPool();
const installed = llamaModule() !== null;

const PLAY = `CURTIS:
All ready; and therefore, I pray thee, news.

GRUMIO:
First, know, my horse is tired; my master and
mistress fallen out.

CURTIS:
How?

GRUMIO:
Out of their saddles into the dirt; and thereby
hangs a tale.
`;
const TALE =
  'Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day,\nshe saw a big, red ball – très joli, 好 😀!\n\nIt was  so much  fun.';

async function exportAs(type: GgufTarget): Promise<string> {
  const checkpoint = await openCheckpoint(SAMPLE);
  const output = join(folder, `${type}.gguf`);
  const plan = planFor(checkpoint, () => type);
  await runExport('gguf', { checkpoint, plan, output, overwrite: true }, { pool });
  return output;
}

async function compare(path: string, text: string, tolerance: number): Promise<void> {
  const checkpoint = await openCheckpoint(path);
  const tokenizer = await openTokenizer(checkpoint);
  const ids = tokenizer.encode(text);
  const theirs = await generate(path, 'a', [text], { maxTokens: 1, passage: text });
  expect([...ids]).toEqual(theirs.tokens[0]);
  const decoder = await Decoder.open(checkpoint, pool);
  const ours = await measurePerplexity(decoder, ids, { context: ids.length - 1, score: 'all', begin: null });
  expect(ours.tokens).toBe(ids.length - 1);
  expect(Math.abs(ours.loss - theirs.meanNll)).toBeLessThan(tolerance);
}

describe.skipIf(!installed)('likelihoods in llama.cpp', () => {
  // 0.5 % of a perplexity is 0.005 nats; llama.cpp multiplies quantized weights with 8-bit activations.
  it.each([
    ['F32', 1e-4],
    ['F16', 1e-3],
    ['Q8_0', 5e-3],
    ['Q4_K', 2e-2],
  ] as const)('%s export of the sample', async (type, tolerance) => {
    await compare(await exportAs(type), PLAY, tolerance);
  });

  it.skipIf(STORIES === null)('a SentencePiece model llama.cpp ships, multilingual text', async () => {
    await compare(STORIES ?? '', TALE, 1e-3); // llama.cpp keeps keys and values as F16
  });
});

// Perplexity of the sample on text it never saw, and what cannot be evaluated.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { measurePerplexity } from '../../../core/evaluation/perplexity.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { openTokenizer } from '../../../core/tokenizer/textTokenizer.ts';
import { sharedData } from '../../fixtures/sharedData.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const pool = createPool(new URL('../forward/worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

async function sample() {
  const checkpoint = await openCheckpoint(SAMPLE);
  return { tokenizer: await openTokenizer(checkpoint), decoder: await Decoder.open(checkpoint, pool) };
}

/** From the tenth of Tiny Shakespeare (public domain) that the sample never trained on. */
const PLAY = `CURTIS:
All ready; and therefore, I pray thee, news.

GRUMIO:
First, know, my horse is tired; my master and
mistress fallen out.
`;

describe('the sample', () => {
  test('a passage: batches and the order of sequences change nothing', async () => {
    const { tokenizer, decoder } = await sample();
    const ids = tokenizer.encode(PLAY);
    const whole = await measurePerplexity(decoder, ids, { context: 16, score: 'all', begin: null });
    expect(whole.sequences).toBe(Math.floor((ids.length - 1) / 16));
    expect(whole.tokens).toBe(whole.sequences * 16);
    let sum = 0;
    for (let at = 0; at < whole.sequences; at++) {
      const own = ids.slice(at * 16, at * 16 + 17);
      sum += (await measurePerplexity(decoder, own, { context: 16, score: 'all', begin: null })).loss;
    }
    expect(whole.loss).toBeCloseTo(sum / whole.sequences, 5);
    expect(whole.perplexity).toBeGreaterThan(10);
    expect(whole.perplexity).toBeLessThan(80);
  });

  test('the second half alone leaves out the last row, as llama.cpp does', async () => {
    const { tokenizer, decoder } = await sample();
    const half = await measurePerplexity(decoder, tokenizer.encode(PLAY), { context: 16, score: 'half', begin: null });
    expect(half.tokens).toBe(half.sequences * 7);
  });

  test('its model card: perplexity 26.94 on the held-out tenth', async ({ skip }) => {
    const path = sharedData('text/text-tinyshakespeare/data/tinyshakespeare/input.txt');
    if (path === null) return skip('the text is not on this machine');
    const { tokenizer, decoder } = await sample();
    const text = readFileSync(path, 'utf8');
    const ids = tokenizer.encode(text.slice(Math.floor(text.length * 0.9)));
    expect(ids).toHaveLength(49_426);
    const { perplexity } = await measurePerplexity(decoder, ids, {
      context: 256,
      score: 'all',
      begin: null,
      sequences: 192,
    });
    expect(perplexity).toBeCloseTo(26.94, 1);
  }, 120_000);
});

test('a text shorter than one sequence', async () => {
  const { tokenizer, decoder } = await sample();
  const run = measurePerplexity(decoder, tokenizer.encode('Short.'), { context: 64, score: 'all', begin: null });
  await expect(run).rejects.toMatchObject({ code: 'TEXT_TOO_SHORT', message: expect.stringMatching(/64 needs 65/) });
});

test('cancelling during a run', async () => {
  const { tokenizer, decoder } = await sample();
  const abort = new AbortController();
  const run = measurePerplexity(decoder, tokenizer.encode(PLAY), {
    context: 16,
    score: 'all',
    begin: null,
    signal: abort.signal,
    onProgress: () => abort.abort(),
  });
  await expect(run).rejects.toMatchObject({ code: 'CANCELLED' });
});

// Encoders: tokens see those after them, so texts have no likelihood; positions end.

import { afterAll, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { compareModels } from '../../../core/evaluation/comparison.ts';
import { measurePerplexity } from '../../../core/evaluation/perplexity.ts';
import { Decoder } from '../../../core/forward/decoder.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { goldenModel } from '../../fixtures/forward/goldenModels.ts';
import { logitsOf } from './logitsOf.ts';

const pool = createPool(new URL('./worker.ts', import.meta.url), 1);
afterAll(() => pool.close());
const open = async (name: string) => Decoder.open(await openCheckpoint(goldenModel(name).path), pool);

test('the first token sees the last', async () => {
  const { path, tokens } = goldenModel('bert');
  const changed = tokens.map((ids) => ids.with(-1, 9));
  const [before, after] = [await logitsOf(path, tokens, pool), await logitsOf(path, changed, pool)];
  expect(before.subarray(0, 64)).not.toEqual(after.subarray(0, 64));
});

test('no perplexity, no comparison of next tokens', async () => {
  const decoder = await open('bert');
  expect(decoder.network.causal).toBe(false);
  const ids = Uint32Array.from({ length: 40 }, (_, i) => 3 + i);
  const options = { context: 8, score: 'all', begin: null } as const;
  const refused = { code: 'UNSUPPORTED_ARCHITECTURE', message: expect.stringContaining('masked tokens') };
  await expect(measurePerplexity(decoder, ids, options)).rejects.toMatchObject(refused);
  await expect(compareModels(decoder, decoder, ids, options)).rejects.toMatchObject(refused);
});

test.each([
  ['bert', 64],
  ['roberta', 62],
])('%s has %i positions', async (name, positions) => {
  const decoder = await open(name);
  expect(decoder.network.context).toBe(positions);
  const longest = new Uint32Array(positions).fill(5);
  for await (const { logits } of decoder.logits([longest], 0)) expect(logits).toHaveLength(positions * 64);
  const run = decoder.logits([new Uint32Array(positions + 1).fill(5)], 0);
  await expect(run.next()).rejects.toMatchObject({
    code: 'SHAPE_INVALID',
    message: expect.stringContaining('positions'),
  });
});

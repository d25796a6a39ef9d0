// Our forward pass and llama.cpp's on the tiny models of test/fixtures/forward, written as GGUF.

import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { GOLDEN_FOLDER, goldenModel } from '../../fixtures/forward/goldenModels.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type FixtureMetadata, writeGguf } from '../../fixtures/writeGguf.ts';
import { testPool } from '../../unit/export/exportFixtures.ts';
import { denseGguf } from '../../unit/forward/denseGguf.ts';
import { expertGguf } from '../../unit/forward/expertGguf.ts';
import { logitsOf } from '../../unit/forward/logitsOf.ts';
import { llamaModule, nextProbabilities } from './generate.ts';

const VOCABULARY = 64;
/** Nats. Measured: below 3e-5; its GELU is a table of F16, which brings 3e-3. */
const TOLERANCE = 1e-4;
const GELU_TOLERANCE = 5e-3;
const WITH_GELU = /gemma|gpt/;
const folder = temporaryFolder();
const pool = testPool();
afterAll(() => pool.close());

/** llama.cpp opens no model without one, and stops at characters that SentencePiece models lack; BPE leaves them out. */
const TOKENIZER: FixtureMetadata = {
  'tokenizer.ggml.model': 'gpt2',
  'tokenizer.ggml.pre': 'gpt-2',
  'tokenizer.ggml.tokens': Array.from({ length: VOCABULARY }, (_, i) => `word${i}`),
  'tokenizer.ggml.token_type': { type: 'array', items: 'i32', value: new Array(VOCABULARY).fill(1) },
  'tokenizer.ggml.merges': ['w o'],
  'tokenizer.ggml.bos_token_id': 1,
  'tokenizer.ggml.eos_token_id': 2,
};

/** llama.cpp wants experts in every layer: dense ones are left out. */
function sparseOnly({ tensors, keyValues }: ReturnType<typeof expertGguf>): ReturnType<typeof expertGguf> {
  const routers = tensors.flatMap(({ name }) => /^blk\.\d+(?=\.ffn_gate_inp\.)/.exec(name) ?? []).toSorted();
  const kept = tensors.flatMap((tensor) => {
    const [layer] = /^blk\.\d+/.exec(tensor.name) ?? [];
    if (layer === undefined) return [tensor];
    const place = routers.indexOf(layer);
    return place < 0 ? [] : [{ ...tensor, name: tensor.name.replace(layer, `blk.${place}`) }];
  });
  return {
    tensors: kept,
    keyValues: { ...keyValues, [`${keyValues['general.architecture']}.block_count`]: routers.length },
  };
}

describe.skipIf(llamaModule() === null)('llama.cpp', () => {
  it.each([
    ...['mixtral', 'qwen2-moe', 'qwen3-moe'],
    ...['gemma2', 'gemma3', 'gpt-neox', 'gpt-neox-sequential', 'gpt2', 'llama-biased', 'mistral'],
    // phi3-longrope's text is short; llama.cpp chooses by the size of its context, which is 256 at least.
    ...['phi3', 'phi3-longrope-long', 'qwen2', 'qwen3'],
  ])('%s', async (name) => {
    const { tokens } = goldenModel(name);
    const [ids = new Uint32Array()] = tokens;
    const converted = /mixtral|moe/.test(name) ? expertGguf : denseGguf;
    const written = converted(join(GOLDEN_FOLDER, name));
    const { tensors, keyValues } = converted === expertGguf ? sparseOnly(written) : written;
    const path = join(folder, `${name}.gguf`);
    writeGguf(path, tensors, { ...keyValues, ...TOKENIZER });
    const logits = await logitsOf(path, [ids], pool);
    const theirs = await nextProbabilities(path, [...ids]);
    const differences = theirs.flatMap((probabilities, row) => {
      const own = logits.subarray(row * VOCABULARY, (row + 1) * VOCABULARY);
      const total = Math.log(own.reduce((sum, logit) => sum + Math.exp(logit), 0));
      return [...own].map((logit, token) => Math.abs(logit - total - Math.log(probabilities[token] ?? Number.NaN)));
    });
    expect(differences).toHaveLength(ids.length * VOCABULARY);
    const worst = Math.max(...differences);
    if (process.env.QUANTSCOPE_SHOW) console.log(name, worst.toExponential(1));
    expect(worst).toBeLessThan(WITH_GELU.test(name) ? GELU_TOLERANCE : TOLERANCE);
  });
});

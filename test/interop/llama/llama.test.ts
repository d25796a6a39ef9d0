// Exports load, tokenize and generate in real llama.cpp, and hold the bytes its own quantizer writes.

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { plannedTypesByIndex } from '../../../core/export/plannedTypes.ts';
import { runExport } from '../../../core/export/runExport.ts';
import { GGUF_TARGETS, type GgufTarget } from '../../../core/quant/ggufTypes.ts';
import { GptqRounding } from '../../../core/rounding/gptqRounding.ts';
import golden from '../../fixtures/golden/llamaTokens.json' with { type: 'json' };
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import type { FixtureTensor } from '../../fixtures/writeSafetensors.ts';
import { testPool } from '../../unit/export/exportFixtures.ts';
import { planFor } from '../../unit/export/plans.ts';
import { dressAs, headNorms, zeroBiases } from './familySamples.ts';
import { generate, llamaModule } from './generate.ts';
import { loadLlamaQuantize } from './quantize.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const BYTE_FALLBACK = fileURLToPath(new URL('../../fixtures/byteFallbackTokenizer.json', import.meta.url));
const TINYSTORIES = sharedData('models/tinystories-656K-safetensors/models/story');
const STORIES = sharedData('models/stories260K-gguf/testdata/stories260K.gguf');
const folder = temporaryFolder();
const pool = testPool();
const installed = llamaModule() !== null;

async function exportAs(source: string, name: string, typeOf: (name: string, at: number) => GgufTarget) {
  const checkpoint = await openCheckpoint(source);
  const output = join(folder, `${name}.gguf`);
  const { verify } = await runExport(
    'gguf',
    { checkpoint, plan: planFor(checkpoint, typeOf), output, overwrite: true },
    { pool },
  );
  expect(verify.ok).toBe(true);
  return output;
}

/** From the tenth of Tiny Shakespeare (public domain) that the sample never trained on. */
const UNSEEN = `CURTIS:
All ready; and therefore, I pray thee, news.

GRUMIO:
First, know, my horse is tired; my master and
mistress fallen out.

CURTIS:
How?

GRUMIO:
Out of their saddles into the dirt; and thereby
hangs a tale.

CURTIS:
Let's ha't, good Grumio.

GRUMIO:
Lend thine ear.
`;
/** The model card's held-out perplexity is 26.94; one short passage lies near it. An unread model scores ln 1024 = 6.93. */
const SAMPLE_NLL = Math.log(26.94);
const NEARBY = 0.35;
const STORY = 'Once upon a time, there was a little girl named Lily. She loved to play in the park with her mom.';

describe.skipIf(!installed)('llama.cpp', () => {
  it.each(GGUF_TARGETS)('reads and continues Shakespeare with the bundled sample as %s', async (type) => {
    const output = await exportAs(SAMPLE, `sample-${type}`, () => type);
    const { text, meanNll } = await generate(output, 'ROMEO:', [], { passage: UNSEEN });
    console.log(`${type}: ${meanNll.toFixed(4)} nats a token; ROMEO:${JSON.stringify(text)}`);
    expect(text.length).toBeGreaterThan(20);
    expect(Math.abs(meanNll - SAMPLE_NLL), `${meanNll} nats a token`).toBeLessThan(NEARBY);
  });

  it('reads with a mixture of types', async () => {
    const types = ['Q4_K', 'Q6_K', 'Q5_0', 'IQ4_XS', 'Q8_0', 'F16'] as const;
    const output = await exportAs(SAMPLE, 'mixture', (_, at) => types[at % types.length] ?? 'Q8_0');
    const { text, meanNll } = await generate(output, 'JULIET:', [], { passage: UNSEEN });
    expect(text.length).toBeGreaterThan(20);
    expect(Math.abs(meanNll - SAMPLE_NLL), `${meanNll} nats a token`).toBeLessThan(NEARBY);
  });

  it('reads with codes chosen by GPTQ', async () => {
    const checkpoint = await openCheckpoint(SAMPLE);
    const plan = planFor(checkpoint, (_, at) => (at % 2 === 0 ? 'Q3_K' : 'Q4_0'));
    const settings = { text: { kind: 'sample' as const }, context: 64, sequences: 8, seed: 0 };
    const types = plannedTypesByIndex(checkpoint, plan);
    const rounding = await GptqRounding.prepare(checkpoint, pool, { types, settings, folder: join(folder, 'rounded') });
    await rounding.carryOut(pool, {});
    const output = join(folder, 'rounded.gguf');
    await runExport('gguf', { checkpoint, plan, rounding, output, overwrite: true }, { pool });
    const { text, meanNll } = await generate(output, 'ROMEO:', [], { passage: UNSEEN });
    expect(text.length).toBeGreaterThan(20);
    expect(Math.abs(meanNll - SAMPLE_NLL), `${meanNll} nats a token`).toBeLessThan(NEARBY);
  }, 300_000);

  it.each(Object.entries(golden.splitters))(
    'tokenizes byte-level BPE split by %s as tokenizer.json does',
    async (name, splitter) => {
      const source = await dressAs(SAMPLE, join(folder, `split-${name}`), {});
      const tokenizer = JSON.parse(readFileSync(join(SAMPLE, 'tokenizer.json'), 'utf8'));
      tokenizer.pre_tokenizer = splitter.pre_tokenizer;
      tokenizer.model.ignore_merges = splitter.ignore_merges;
      writeFileSync(join(source, 'tokenizer.json'), JSON.stringify(tokenizer));
      const output = await exportAs(source, `split-${name}`, () => 'Q8_0');
      expect((await openCheckpoint(output)).metadata['tokenizer.ggml.pre']).toBe(name);
      const texts = splitter.cases.map(({ text }) => text);
      const { tokens } = await generate(output, 'A', texts, { maxTokens: 1 });
      expect(tokens).toEqual(splitter.cases.map(({ ids }) => ids));
    },
  );

  it('tokenizes with byte fallback as tokenizer.json does', async () => {
    const source = await dressAs(SAMPLE, join(folder, 'byte-fallback-source'), {});
    cpSync(BYTE_FALLBACK, join(source, 'tokenizer.json'));
    const output = await exportAs(source, 'byte-fallback', () => 'Q8_0');
    const cases = golden.byteFallback;
    const texts = cases.map(({ text }) => text);
    const { tokens } = await generate(output, 'A', texts, { maxTokens: 1 });
    expect(tokens).toEqual(cases.map(({ ids }) => ids));
  });

  it.skipIf(TINYSTORIES === null)(
    'tokenizes SentencePiece-like BPE as tokenizer.json does, and reads a story',
    async () => {
      const output = await exportAs(TINYSTORIES ?? '', 'tinystories', () => 'Q4_K');
      const cases = golden.tinystories;
      const texts = cases.map(({ text }) => text);
      const { tokens, text, meanNll } = await generate(output, 'Once upon a time', texts, { passage: STORY });
      expect(tokens).toEqual(cases.map(({ ids }) => ids));
      expect(text.length).toBeGreaterThan(20);
      expect(meanNll).toBeLessThan(3); // an unread vocabulary of 2,048 scores 7.6
    },
  );

  it.skipIf(STORIES === null)('reads a story with a re-quantized GGUF', async () => {
    const output = await exportAs(STORIES ?? '', 'stories', (_, at) => (at % 2 === 0 ? 'Q5_1' : 'Q8_0'));
    const { text, meanNll } = await generate(output, 'Once upon a time', [], { passage: STORY });
    expect(text.length).toBeGreaterThan(20);
    expect(meanNll).toBeLessThan(2); // an unread vocabulary of 512 scores 6.2
  });
});

describe.skipIf(!installed)('relatives of the sample in llama.cpp', () => {
  async function nllOf(
    name: string,
    settings: Readonly<Record<string, unknown>>,
    further: readonly FixtureTensor[] = [],
  ) {
    const source = await dressAs(SAMPLE, join(folder, name), settings, further);
    const output = await exportAs(source, name, () => 'F16');
    return (await generate(output, 'ROMEO:', [], { maxTokens: 1, passage: UNSEEN })).meanNll;
  }

  it('computes the same function as Mistral, and as a Qwen2 with zero biases', async () => {
    const llama = await nllOf('as-llama', {});
    const mistral = await nllOf('as-mistral', { architectures: ['MistralForCausalLM'], model_type: 'mistral' });
    expect(mistral).toBe(llama);
    const qwen2 = { architectures: ['Qwen2ForCausalLM'], model_type: 'qwen2' };
    // Qwen2 rotates halves, Llama neighbours: only the right row order makes them agree.
    expect(await nllOf('as-qwen2', qwen2, zeroBiases())).toBeCloseTo(llama, 2);
  });

  it('loads a Qwen3 and every rope scaling', async () => {
    const qwen3 = { architectures: ['Qwen3ForCausalLM'], model_type: 'qwen3' };
    expect(await nllOf('as-qwen3', qwen3, headNorms())).toBeGreaterThan(0);
    const llama = await nllOf('no-scaling', {});
    const llama3 = {
      rope_type: 'llama3',
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 256,
    };
    expect(await nllOf('llama3-none', { rope_scaling: { ...llama3, factor: 1 } })).toBeCloseTo(llama, 6);
    const scaled = await nllOf('llama3-eight', { rope_scaling: { ...llama3, factor: 8 } });
    expect(scaled).not.toBe(llama);
    expect(Math.abs(scaled - llama)).toBeLessThan(1);
    expect(await nllOf('linear', { rope_scaling: { type: 'linear', factor: 4 } })).toBeGreaterThan(llama);
    const yarn = { type: 'yarn', factor: 4, original_max_position_embeddings: 256 };
    expect(Math.abs((await nllOf('yarn', { rope_scaling: yarn })) - llama)).toBeLessThan(1);
  });
});

/** llama.h `enum llama_ftype`. */
const FILE_TYPES = {
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q8_0: 7,
  Q5_0: 8,
  Q5_1: 9,
  Q2_K: 10,
  Q3_K: 12,
  Q4_K: 15,
  Q5_K: 17,
  Q6_K: 18,
  IQ4_NL: 25,
  IQ4_XS: 30,
  BF16: 32,
} as const;
const quantize = loadLlamaQuantize();

describe.skipIf(quantize === null)('llama_model_quantize', () => {
  it.each(Object.entries(FILE_TYPES))('writes the same tensors as %s (pure)', async (type, fileType) => {
    const source = await exportAs(SAMPLE, 'source', () => 'F32');
    const theirs = join(folder, `theirs-${type}.gguf`);
    quantize?.(source, theirs, fileType, true);
    const reference = await openCheckpoint(theirs);
    const wanted = new Map(reference.tensors.map((tensor) => [tensor.name, tensor.dtype]));
    const ours = await openCheckpoint(await exportAs(source, `ours-${type}`, (name) => wanted.get(name) as GgufTarget));
    expect(new Set(wanted.values())).toContain(type);
    expect(contents(ours)).toEqual(contents(reference));
    const { 'general.file_type': ourType, ...ourMetadata } = ours.metadata;
    const { 'general.file_type': theirType, ...theirMetadata } = reference.metadata;
    expect(ourMetadata).toEqual(theirMetadata);
    expect(typeof ourType).toBe(typeof theirType);
  });
});

/** Name, type and bytes of every tensor, in an order that does not depend on the file's. */
function contents({ files, tensors }: Checkpoint): [string, string, string][] {
  const file = readFileSync(files[0]?.path ?? '');
  return tensors
    .map(({ name, dtype, offset, bytes }): [string, string, string] => [
      name,
      dtype,
      file.subarray(offset, offset + bytes).toString('base64'),
    ])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

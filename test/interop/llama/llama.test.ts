// Exports load, tokenize and generate in real llama.cpp, and hold the bytes its own quantizer writes.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { runExport } from '../../../core/export/runExport.ts';
import type { GgufTarget } from '../../../core/quant/ggufTypes.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { planFor, testPool } from '../../unit/export/exportFixtures.ts';
import { generate, llamaModule } from './generate.ts';
import golden from './goldenTokens.json' with { type: 'json' };
import { loadLlamaQuantize } from './quantize.ts';

const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
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

const words = (text: string): string[] => text.toLowerCase().match(/[a-z]{2,}/g) ?? [];

/** Share of generated words that the model's training text would hold: noise scores near zero. */
function expectLanguage(text: string): void {
  const known = new Set(
    'and the to was she he they it her his they in with of that my thou you not for is said day had play her one big mom very happy little girl boy lily so be me what thy shall your have as this but will tell'.split(
      ' ',
    ),
  );
  const found = words(text);
  expect(found.length, text).toBeGreaterThan(4);
  expect(found.filter((word) => known.has(word)).length / found.length, text).toBeGreaterThan(0.3);
}

describe.skipIf(!installed)('llama.cpp', () => {
  it.each([
    'Q2_K',
    'Q3_K',
    'Q4_0',
    'Q4_1',
    'Q4_K',
    'Q5_0',
    'Q5_1',
    'Q5_K',
    'Q6_K',
    'Q8_0',
    'IQ4_NL',
    'IQ4_XS',
    'BF16',
    'F16',
    'F32',
  ] as const)('generates from the bundled sample as %s', async (type) => {
    const output = await exportAs(SAMPLE, `sample-${type}`, () => type);
    const { text } = await generate(output, 'ROMEO:', []);
    expect(words(text).length, text).toBeGreaterThan(4);
    if (type !== 'Q2_K') expectLanguage(text);
  });

  it('generates from a mixture of types', async () => {
    const types = ['Q4_K', 'Q6_K', 'Q5_0', 'IQ4_XS', 'Q8_0', 'F16'] as const;
    const output = await exportAs(SAMPLE, 'mixture', (_, at) => types[at % types.length] ?? 'Q8_0');
    expectLanguage((await generate(output, 'JULIET:', [])).text);
  });

  it('tokenizes byte-level BPE as tokenizer.json does', async () => {
    const output = await exportAs(SAMPLE, 'sample-tokens', () => 'Q8_0');
    const cases = golden.models['sample-llama'];
    const plain = cases.filter(({ text }) => !text.includes('</s>'));
    const { tokens } = await generate(
      output,
      'A',
      plain.map(({ text }) => text),
      1,
    );
    expect(tokens).toEqual(plain.map(({ ids }) => ids));
  });

  it.skipIf(TINYSTORIES === null)(
    'tokenizes SentencePiece-like BPE as tokenizer.json does, and tells a story',
    async () => {
      const output = await exportAs(TINYSTORIES ?? '', 'tinystories', () => 'Q4_K');
      const cases = golden.models['tinystories-656K'];
      const { tokens, text } = await generate(
        output,
        'Once upon a time',
        cases.map((one) => one.text),
      );
      expect(tokens).toEqual(cases.map(({ ids }) => ids));
      expectLanguage(text);
    },
  );

  it.skipIf(STORIES === null)('tells a story from a re-quantized GGUF', async () => {
    const output = await exportAs(STORIES ?? '', 'stories', (_, at) => (at % 2 === 0 ? 'Q5_1' : 'Q8_0'));
    expectLanguage((await generate(output, 'Once upon a time', [])).text);
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

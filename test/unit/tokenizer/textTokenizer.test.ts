// Tokenizers of folders and of GGUF files: the same ids as the reference libraries gave.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getHeapStatistics } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { openTokenizer } from '../../../core/tokenizer/textTokenizer.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type FixtureMetadata, writeGguf } from '../../fixtures/writeGguf.ts';
import { writeSafetensors } from '../../fixtures/writeSafetensors.ts';

const folder = temporaryFolder();
const SAMPLE = fileURLToPath(new URL('../../fixtures/sample-llama', import.meta.url));
const tensor = { name: 'token_embd.weight', dtype: 'F32', shape: [1], data: Float32Array.of(0) };

async function gguf(name: string, metadata: FixtureMetadata) {
  const path = join(folder, `${name}.gguf`);
  writeGguf(path, [tensor], { 'general.architecture': 'llama', ...metadata });
  return openTokenizer(await openCheckpoint(path));
}

const BYTE_TOKENS = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
const PIECES = ['▁', 'h', 'e', 'l', 'o', 'he', 'll', 'hell', 'lo', '▁hell', '▁▁'];
const SPM: FixtureMetadata = {
  'tokenizer.ggml.model': 'llama',
  'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', ...BYTE_TOKENS, ...PIECES],
  'tokenizer.ggml.scores': {
    type: 'array',
    items: 'f32',
    value: [...new Array<number>(259).fill(0), ...PIECES.map((_, at) => -at)],
  },
  'tokenizer.ggml.bos_token_id': 1,
};
const id = (piece: string): number => 259 + PIECES.indexOf(piece);
const byte = (value: number): number => 3 + value;

describe('a SentencePiece vocabulary in a GGUF file', () => {
  test('joins by score, puts a space before, falls back to bytes', async () => {
    const tokenizer = await gguf('spm', SPM);
    expect(tokenizer.begin).toBe(1);
    // he (−5) before ll (−6) before lo (−8); hell needs he + ll; ▁hell is the last join.
    expect([...tokenizer.encode('hello')]).toEqual([id('▁hell'), id('o')]);
    expect([...tokenizer.encode('é\nlo')]).toEqual([id('▁'), byte(0xc3), byte(0xa9), byte(0x0a), id('lo')]);
    expect([...tokenizer.encode('  l')]).toEqual([id('▁▁'), id('▁'), id('l')]);
  });

  test('without a begin token or a space before', async () => {
    const tokenizer = await gguf('bare', {
      ...SPM,
      'tokenizer.ggml.add_bos_token': false,
      'tokenizer.ggml.add_space_prefix': false,
    });
    expect(tokenizer.begin).toBeNull();
    expect([...tokenizer.encode('lo')]).toEqual([id('lo')]);
  });
});

test.each([
  ['no tokenizer at all', {}],
  ['an unknown model', { ...SPM, 'tokenizer.ggml.model': 'rwkv' }],
  ['an unknown pre-tokenizer', { ...SPM, 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'mystery' }],
  ['a token as long as a book', { ...SPM, 'tokenizer.ggml.tokens': ['a'.repeat(1e6), ...new Array(269).fill('b')] }],
  ['scores missing', { ...SPM, 'tokenizer.ggml.scores': { type: 'array', items: 'f32', value: [1] } }],
] as const)('refused: %s', async (name, metadata) => {
  await expect(gguf(name, metadata as FixtureMetadata)).rejects.toMatchObject({ code: 'TOKENIZER_UNSUPPORTED' });
});

test('a folder: text comes back whole, no begin token where the model has none', async () => {
  const tokenizer = await openTokenizer(await openCheckpoint(SAMPLE));
  expect(tokenizer.begin).toBeNull();
  expect(tokenizer.encode('First, know, my horse is tired').length).toBeGreaterThan(5);
  expect(tokenizer.encode('')).toHaveLength(0);
});

test('a folder without a tokenizer', async () => {
  const own = join(folder, 'none');
  mkdirSync(own);
  writeSafetensors(join(own, 'model.safetensors'), [tensor]);
  writeFileSync(join(own, 'config.json'), '{}');
  await expect(openTokenizer(await openCheckpoint(own))).rejects.toMatchObject({ code: 'TOKENIZER_UNSUPPORTED' });
});

describe('a tokenizer.json that', () => {
  const sample = JSON.parse(readFileSync(join(SAMPLE, 'tokenizer.json'), 'utf8'));
  async function changed(name: string, change: object) {
    const own = join(folder, name);
    mkdirSync(own);
    writeSafetensors(join(own, 'model.safetensors'), [tensor]);
    writeFileSync(join(own, 'config.json'), '{}');
    writeFileSync(join(own, 'tokenizer.json'), JSON.stringify({ ...sample, ...change }));
    return openTokenizer(await openCheckpoint(own));
  }
  const idsOf = (token: unknown) => Object.fromEntries(Object.keys(sample.model.vocab).map((piece) => [piece, token]));

  test.each([
    ['does not come to an end', 'still at', { pre_tokenizer: splitAt('(\\w+\\s*)+!') }],
    ['has texts for ids', 'gives "x" as a token', { model: { ...sample.model, vocab: idsOf('x') } }],
    ['has negative ids', 'gives -1 as a token', { model: { ...sample.model, vocab: idsOf(-1) } }],
    ['has fractions for ids', 'gives 0.5 as a token', { model: { ...sample.model, vocab: idsOf(0.5) } }],
  ])('%s is refused', async (name, fact, change) => {
    const { encode } = await changed(name, change);
    const refused = { code: 'TOKENIZER_UNSUPPORTED', message: expect.stringContaining(fact) };
    expect(() => encode('one two three four five six seven eight nine ten eleven twelve')).toThrow(
      expect.objectContaining(refused),
    );
  });
});

function splitAt(pattern: string): object {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

test('texts that would not fit into memory are refused before they are encoded', async () => {
  const { encode } = await openTokenizer(await openCheckpoint(SAMPLE));
  const tooLong = 'a'.repeat(Math.ceil(getHeapStatistics().heap_size_limit / 256) + 1);
  expect(() => encode(tooLong)).toThrow(expect.objectContaining({ code: 'MEMORY_LIMIT' }));
});

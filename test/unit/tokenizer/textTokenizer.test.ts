// Tokenizers of folders and of GGUF files: the same ids as the reference libraries gave.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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

// tokenizer.json as llama.cpp's key-values, and the tokenizers it must refuse.

import { describe, expect, it } from 'vitest';
import type { KeyValue } from '../../../core/export/gguf/keyValues.ts';
import { tokenizerKeyValues } from '../../../core/export/gguf/tokenizer/tokenizer.ts';
import type { TokenizerFiles } from '../../../core/tokenizer/tokenizerFiles.ts';
import { TOKENIZER } from './exportFixtures.ts';

const LLAMA3_SPLIT =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };

function files(tokenizer: Record<string, unknown>, more: Partial<TokenizerFiles> = {}): TokenizerFiles {
  const empty = { tokenizerConfig: {}, specialTokens: {}, generationConfig: {}, config: {}, chatTemplate: null };
  return { ...empty, tokenizer, ...more };
}

function read(keyValues: readonly KeyValue[], key: string): unknown {
  const entry = keyValues.find((one) => one.key === `tokenizer.${key}`);
  if (entry === undefined) return undefined;
  const view = new DataView(entry.bytes.buffer, entry.bytes.byteOffset);
  let at = 8 + entry.key.length;
  const scalar = (type: number): unknown => {
    if (type === 8) {
      const length = Number(view.getBigUint64(at, true));
      at += 8 + length;
      return new TextDecoder().decode(entry.bytes.subarray(at - length, at));
    }
    at += type === 7 ? 1 : 4;
    if (type === 7) return view.getUint8(at - 1) === 1;
    return type === 6 ? view.getFloat32(at - 4, true) : view.getInt32(at - 4, true);
  };
  const type = view.getUint32(at, true);
  at += 4;
  if (type !== 9) return scalar(type);
  const items = view.getUint32(at, true);
  const count = Number(view.getBigUint64(at + 4, true));
  at += 12;
  return Array.from({ length: count }, () => scalar(items));
}

const split = (regex: string, ignore: boolean) => ({
  ...TOKENIZER,
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [{ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }, BYTE_LEVEL],
  },
  model: { ...TOKENIZER.model, ignore_merges: ignore },
});

describe('byte-level BPE', () => {
  it('keeps ids, pads holes, types added tokens and joins both spellings of a merge', () => {
    const { keyValues } = tokenizerKeyValues(files(TOKENIZER), 9);
    expect(read(keyValues, 'ggml.model')).toBe('gpt2');
    expect(read(keyValues, 'ggml.tokens')).toEqual(['<s>', '</s>', '<think>', 'a', 'b', 'Ġ', 'ab', 'Ġa', '[PAD8]']);
    expect(read(keyValues, 'ggml.token_type')).toEqual([3, 3, 4, 1, 1, 1, 1, 1, 5]);
    expect(read(keyValues, 'ggml.merges')).toEqual(['a b', 'Ġ a']);
    expect(read(keyValues, 'ggml.add_bos_token')).toBe(false);
  });

  it.each([
    ['gpt-2', TOKENIZER],
    [
      'smollm',
      {
        ...TOKENIZER,
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [
            { type: 'Digits', individual_digits: true },
            { ...BYTE_LEVEL, use_regex: true },
          ],
        },
      },
    ],
    ['llama-bpe', split(LLAMA3_SPLIT, true)],
    ['dbrx', split(LLAMA3_SPLIT, false)],
    ['qwen2', split(LLAMA3_SPLIT.replace('{1,3}', ''), false)],
  ])('recognizes the splitter of %s', (name, tokenizer) => {
    expect(read(tokenizerKeyValues(files(tokenizer), 8).keyValues, 'ggml.pre')).toBe(name);
  });

  it.each([
    ['an unknown splitter', split('\\w+|.', false), /\\\\w\+/],
    [
      'a splitter with merges ignored that llama.cpp does not ignore',
      split(LLAMA3_SPLIT.replace('{1,3}', ''), true),
      /ignore_merges/,
    ],
    [
      'a space before the text',
      { ...TOKENIZER, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true } },
      /add_prefix_space/,
    ],
    ['no splitter at all', { ...TOKENIZER, pre_tokenizer: null }, /null/],
    ['a unigram model', { model: { type: 'Unigram', vocab: [['a', 0]] } }, /Unigram/],
    ['an id beyond the embedding', { ...TOKENIZER, added_tokens: [{ id: 99, content: '<x>' }] }, /99.*8 rows/],
    ['two tokens with one id', { ...TOKENIZER, added_tokens: [{ id: 3, content: '<x>' }] }, /share id 3/],
    ['a merge of three', { ...TOKENIZER, model: { ...TOKENIZER.model, merges: [['a', 'b', 'c']] } }, /merge 0/],
  ])('refuses %s', (_, tokenizer, message) => {
    const attempt = () => tokenizerKeyValues(files(tokenizer), 8);
    expect(attempt).toThrow(expect.objectContaining({ code: 'TOKENIZER_UNSUPPORTED' }));
    expect(attempt).toThrow(message);
  });

  it('takes special tokens from the tokenizer first, then from the model, and the template verbatim', () => {
    const { keyValues } = tokenizerKeyValues(
      files(
        {
          ...TOKENIZER,
          post_processor: {
            type: 'TemplateProcessing',
            single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }],
          },
        },
        {
          tokenizerConfig: {
            bos_token: { content: '<s>' },
            add_bos_token: false,
            chat_template: [{ name: 'default', template: '{{ x }}' }],
          },
          config: { bos_token_id: 5, eos_token_id: [1, 6] },
        },
      ),
      8,
    );
    expect(read(keyValues, 'ggml.bos_token_id')).toBe(0);
    expect(read(keyValues, 'ggml.eos_token_id')).toBe(1);
    expect(read(keyValues, 'ggml.add_bos_token')).toBe(true); // what the tokenizer does, whatever the flag says
    expect(read(keyValues, 'ggml.add_eos_token')).toBe(false);
    expect(read(keyValues, 'chat_template')).toBe('{{ x }}');
  });
});

describe('SentencePiece-like BPE', () => {
  const normalizers = [
    { type: 'Prepend', prepend: '▁' },
    { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
  ];
  const model = {
    type: 'BPE',
    unk_token: '<unk>',
    byte_fallback: true,
    vocab: { '<unk>': 0, '<0x41>': 1, a: 2, b: 3, '▁': 4, '▁a': 5, ab: 6 },
    merges: ['▁ a', 'a b'],
  };

  it('scores tokens by the rank of the merge that makes them', () => {
    const tokenizer = { normalizer: { type: 'Sequence', normalizers }, model };
    const { keyValues, warnings } = tokenizerKeyValues(files(tokenizer), 7);
    expect(read(keyValues, 'ggml.model')).toBe('llama');
    expect(read(keyValues, 'ggml.token_type')).toEqual([2, 6, 1, 1, 1, 1, 1]);
    expect(read(keyValues, 'ggml.scores')).toEqual([-3, -3, -3, -3, -3, -0, -1]);
    expect(read(keyValues, 'ggml.add_space_prefix')).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('warns where a vocabulary without byte tokens cannot spell every text', () => {
    const { '<0x41>': _, ...vocab } = model.vocab;
    const tokenizer = { normalizer: normalizers[1], model: { ...model, vocab } };
    const { keyValues, warnings } = tokenizerKeyValues(files(tokenizer), 7);
    expect(warnings).toEqual([expect.stringContaining('no byte tokens')]);
    expect(read(keyValues, 'ggml.add_space_prefix')).toBe(false);
  });

  it('refuses what llama.cpp would tokenize otherwise', () => {
    const words = { pre_tokenizer: { type: 'Metaspace', prepend_scheme: 'first' }, model };
    expect(() => tokenizerKeyValues(files(words), 7)).toThrow(/Metaspace/);
    const noBytes = { normalizer: normalizers[1], model: { ...model, byte_fallback: false } };
    expect(() => tokenizerKeyValues(files(noBytes), 7)).toThrow(/byte_fallback/);
  });
});

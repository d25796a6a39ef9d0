// The tokenizer a GGUF file carries, rebuilt as a tokenizer.json: byte-level BPE ("gpt2") and SentencePiece ("llama").

import { QuantscopeError } from '../base/errors.ts';
import { type JsonObject, shown } from '../base/jsonObject.ts';
import { GPT2_SPLIT, IGNORES_MERGES, LLAMA3_SPLIT, QWEN2_SPLIT, TEKKEN_SPLIT } from './splitPatterns.ts';

/** Pieces in use have at most some hundred characters; every split of one is looked up. */
const MAX_PIECE_CHARACTERS = 512;
const SPACE = '▁'; // U+2581, SentencePiece's visible space

/** `tokenizer.ggml.pre` → split pattern; SmolLM cuts digits first. */
const SPLITS: Readonly<Record<string, readonly JsonObject[]>> = {
  'gpt-2': [split(GPT2_SPLIT)],
  smollm: [{ type: 'Digits', individual_digits: true }, split(GPT2_SPLIT)],
  'llama-bpe': [split(LLAMA3_SPLIT)],
  dbrx: [split(LLAMA3_SPLIT)],
  qwen2: [split(QWEN2_SPLIT)],
  tekken: [split(TEKKEN_SPLIT)],
};

export interface GgufTokenizer {
  readonly json: JsonObject;
  readonly begin: number | null;
}

/** @throws TOKENIZER_UNSUPPORTED naming what was found */
export function ggufTokenizer(name: string, read: (key: string) => unknown): GgufTokenizer {
  const refuse = (fact: string): never => {
    throw new QuantscopeError('TOKENIZER_UNSUPPORTED', `${name}: ${fact}`);
  };
  const model = read('tokenizer.ggml.model');
  const tokens = texts(read('tokenizer.ggml.tokens'));
  if (tokens.length === 0) refuse('the file holds no tokenizer');
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const adds = read('tokenizer.ggml.add_bos_token');
  const beginId = read('tokenizer.ggml.bos_token_id');
  const begins = typeof adds === 'boolean' ? adds : model === 'llama';
  const begin = begins && typeof beginId === 'number' ? beginId : null;
  if (model === 'gpt2') {
    const pre = String(read('tokenizer.ggml.pre') ?? 'gpt-2');
    const steps = Object.hasOwn(SPLITS, pre) ? SPLITS[pre] : undefined;
    if (steps === undefined) return refuse(`the pre-tokenizer ${shown(pre)} is not known`);
    const merges = texts(read('tokenizer.ggml.merges')).map((merge) => merge.split(' '));
    return { begin, json: byteLevel(vocab, merges, steps, IGNORES_MERGES.has(pre)) };
  }
  if (model !== 'llama') return refuse(`the tokenizer model ${shown(model)} is not known; gpt2 and llama are`);
  const scores = read('tokenizer.ggml.scores');
  if (!Array.isArray(scores) || scores.length !== tokens.length) return refuse('the tokenizer has no scores');
  const long = tokens.find((token) => token.length > MAX_PIECE_CHARACTERS);
  if (long !== undefined) return refuse(`a token has ${long.length} characters, limit ${MAX_PIECE_CHARACTERS}`);
  const prefix = read('tokenizer.ggml.add_space_prefix') !== false;
  return { begin, json: sentencePiece(vocab, mergesOf(tokens, scores.map(Number)), prefix) };
}

function byteLevel(
  vocab: JsonObject,
  merges: readonly (readonly string[])[],
  steps: readonly JsonObject[],
  ignoreMerges: boolean,
): JsonObject {
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [...steps, { type: 'ByteLevel', add_prefix_space: false, use_regex: false }],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab, merges, ignore_merges: ignoreMerges },
  };
}

function sentencePiece(vocab: JsonObject, merges: readonly (readonly string[])[], prefix: boolean): JsonObject {
  const normalizers: JsonObject[] = [{ type: 'Replace', pattern: { String: ' ' }, content: SPACE }];
  if (prefix) normalizers.unshift({ type: 'Prepend', prepend: SPACE });
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: { type: 'Sequence', normalizers },
    // No piece crosses a line, so that a text is many short words instead of one of a million characters.
    pre_tokenizer: { type: 'Split', pattern: { String: '\n' }, behavior: 'Isolated', invert: false },
    post_processor: null,
    decoder: { type: 'ByteFallback' },
    model: { type: 'BPE', vocab, merges, byte_fallback: true, unk_token: '<unk>', fuse_unk: true },
  };
}

/** SentencePiece joins the neighbours whose joint piece scores highest: every split of a piece is a merge of its rank. */
function mergesOf(tokens: readonly string[], scores: readonly number[]): string[][] {
  const known = new Set(tokens);
  const merges: { pair: string[]; score: number; id: number }[] = [];
  tokens.forEach((token, id) => {
    const letters = [...token];
    for (let at = 1; at < letters.length; at++) {
      const pair = [letters.slice(0, at).join(''), letters.slice(at).join('')];
      if (pair.every((piece) => known.has(piece))) merges.push({ pair, score: scores[id] ?? 0, id });
    }
  });
  return merges.sort((a, b) => b.score - a.score || a.id - b.id).map(({ pair }) => pair);
}

function split(pattern: string): JsonObject {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

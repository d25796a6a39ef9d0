// Text → token ids, as the model was trained on them.

import { createHash } from 'node:crypto';
import { getHeapStatistics } from 'node:v8';
import { Tokenizer } from '@huggingface/tokenizers';
import { bytesText } from '../base/byteText.ts';
import { QuantscopeError } from '../base/errors.ts';
import { type JsonObject, shown } from '../base/jsonObject.ts';
import { withinTime } from '../base/timeLimit.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { ggufTokenizer } from './ggufTokenizer.ts';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizerFiles.ts';

/** What encoding keeps of a character at worst, where a whole text is one word: 220 bytes were measured. */
const BYTES_PER_CHARACTER = 256;
/** Large texts take a microsecond a character on two cores; a file's regular expressions can take years. */
const LEAST_MS = 5000;
const MS_PER_CHARACTER = 0.02;

export interface TextTokenizer {
  /**
   * Ids of the text alone, without begin and end tokens.
   * @throws MEMORY_LIMIT for texts that do not fit, TOKENIZER_UNSUPPORTED for tokenizers that fail or do not come to an end
   */
  encode(text: string): Uint32Array;
  /** The token every sequence begins with, or null where the model has none. */
  readonly begin: number | null;
  /**
   * What the token stands for, with its leading space; empty for ids without a token. For people.
   * @throws TOKENIZER_UNSUPPORTED as `encode`
   */
  show(id: number): string;
  /** Hash of everything ids depend on: equal tokenizers have equal ones. */
  readonly hash: string;
}

/** @throws TOKENIZER_UNSUPPORTED naming what is missing or unknown, HEADER_INVALID */
export async function openTokenizer(checkpoint: Checkpoint): Promise<TextTokenizer> {
  if (checkpoint.gguf !== undefined) {
    const { json, begin } = ggufTokenizer(checkpoint.name, (key) => checkpoint.metadata[key]);
    return { begin, ...textTokenizer(checkpoint.name, json, {}) };
  }
  const files = await readTokenizerFiles(checkpoint);
  const begin = beginToken(checkpoint.name, files);
  return { begin, ...textTokenizer(checkpoint.name, files.tokenizer, files.tokenizerConfig) };
}

function textTokenizer(name: string, json: JsonObject, config: JsonObject): Omit<TextTokenizer, 'begin'> {
  const tokenizer = build(name, json, config);
  return {
    encode: (text) => Uint32Array.from(encoded(name, tokenizer, text, false)),
    show(id) {
      const token = tokenizer.id_to_token(id);
      if (token === undefined) return '';
      const text = limited(name, token.length, () =>
        tokenizer.decode([id], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
      );
      // Decoders drop the space before the first word of a text.
      return /^[Ġ▁]/.test(token) && !text.startsWith(' ') ? ` ${text}` : text;
    },
    hash: createHash('sha256')
      .update(JSON.stringify([json, config]))
      .digest('hex'),
  };
}

/** A begin token is what the tokenizer itself puts before an empty text. */
function beginToken(name: string, { tokenizer, tokenizerConfig }: TokenizerFiles): number | null {
  const whole = build(name, tokenizer, tokenizerConfig);
  const first = encoded(name, whole, '', true)[0];
  const flagged = tokenizerConfig.add_bos_token;
  if (first !== undefined || flagged !== true) return first ?? null;
  const begin = tokenizerConfig.bos_token;
  return typeof begin === 'string' ? (encoded(name, whole, begin, false)[0] ?? null) : null;
}

function encoded(name: string, tokenizer: Tokenizer, text: string, special: boolean): number[] {
  const [needed, limit] = [text.length * BYTES_PER_CHARACTER, getHeapStatistics().heap_size_limit];
  if (needed > limit)
    throw new QuantscopeError(
      'MEMORY_LIMIT',
      `a text of ${text.length} characters takes up to ${bytesText(needed)} to encode, limit ${bytesText(limit)}: use a part of it`,
    );
  const { ids } = limited(name, text.length, () => tokenizer.encode(text, { add_special_tokens: special }));
  const wrong = ids.find((id) => !Number.isInteger(id) || id < 0);
  if (wrong === undefined) return ids;
  throw new QuantscopeError('TOKENIZER_UNSUPPORTED', `${name}: the tokenizer gives ${shown(wrong)} as a token`);
}

/** @throws TOKENIZER_UNSUPPORTED for work that fails or does not come to an end */
function limited<T>(name: string, characters: number, work: () => T): T {
  const limitMs = Math.ceil(LEAST_MS + characters * MS_PER_CHARACTER);
  return withinTime(
    limitMs,
    () => usable(name, work),
    (cause) => {
      const fact = `the tokenizer is still at ${characters} characters after ${limitMs} ms, the limit`;
      throw new QuantscopeError('TOKENIZER_UNSUPPORTED', `${name}: ${fact}`, { cause });
    },
  );
}

function build(name: string, json: JsonObject, config: JsonObject): Tokenizer {
  return usable(name, () => new Tokenizer(json, config));
}

/** The library trusts what files say and fails in its own words. @throws TOKENIZER_UNSUPPORTED */
function usable<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : String(error);
    throw new QuantscopeError('TOKENIZER_UNSUPPORTED', `${name}: the tokenizer cannot be used: ${reason}`, {
      cause: error,
    });
  }
}

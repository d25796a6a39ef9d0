// Text → token ids, as the model was trained on them.

import { createHash } from 'node:crypto';
import { Tokenizer } from '@huggingface/tokenizers';
import { QuantscopeError } from '../base/errors.ts';
import type { JsonObject } from '../base/jsonObject.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { ggufTokenizer } from './ggufTokenizer.ts';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizerFiles.ts';

export interface TextTokenizer {
  /** Ids of the text alone, without begin and end tokens. */
  encode(text: string): Uint32Array;
  /** The token every sequence begins with, or null where the model has none. */
  readonly begin: number | null;
  /** What the token stands for, with its leading space; empty for ids without a token. For people. */
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
    encode: (text) => Uint32Array.from(tokenizer.encode(text, { add_special_tokens: false }).ids),
    show(id) {
      const token = tokenizer.id_to_token(id);
      if (token === undefined) return '';
      const text = tokenizer.decode([id], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
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
  const first = whole.encode('').ids[0];
  const flagged = tokenizerConfig.add_bos_token;
  if (first !== undefined || flagged !== true) return first ?? null;
  const begin = tokenizerConfig.bos_token;
  return typeof begin === 'string' ? (whole.encode(begin, { add_special_tokens: false }).ids[0] ?? null) : null;
}

function build(name: string, json: JsonObject, config: JsonObject): Tokenizer {
  try {
    return new Tokenizer(json, config);
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : String(error);
    throw new QuantscopeError('TOKENIZER_UNSUPPORTED', `${name}: the tokenizer cannot be used: ${reason}`, {
      cause: error,
    });
  }
}

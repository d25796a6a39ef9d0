// Text → token ids, as the model was trained on them.

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
}

/** @throws TOKENIZER_UNSUPPORTED naming what is missing or unknown, HEADER_INVALID */
export async function openTokenizer(checkpoint: Checkpoint): Promise<TextTokenizer> {
  if (checkpoint.gguf !== undefined) {
    const { json, begin } = ggufTokenizer(checkpoint.name, (key) => checkpoint.metadata[key]);
    return { begin, encode: encoder(checkpoint.name, json, {}) };
  }
  const files = await readTokenizerFiles(checkpoint);
  const encode = encoder(checkpoint.name, files.tokenizer, files.tokenizerConfig);
  return { encode, begin: beginToken(checkpoint.name, files) };
}

function encoder(name: string, json: JsonObject, config: JsonObject): TextTokenizer['encode'] {
  const tokenizer = build(name, json, config);
  return (text) => Uint32Array.from(tokenizer.encode(text, { add_special_tokens: false }).ids);
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

// tokenizer.json's BPE vocabulary as a dense token list with llama.cpp's token types.

import { QuantscopeError } from '../../../base/errors.ts';
import { arrayAt, countAt, isObject, type JsonObject, objectAt, shown, textAt } from '../../../base/jsonObject.ts';

/** llama.h `enum llama_token_type`. */
export const TOKEN_TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Largest vocabulary in use is 262,144 (Gemma 3). */
const MAX_TOKENS = 4_000_000;
const BYTE_TOKEN = /^<0x[0-9A-F]{2}>$/;

export interface Vocabulary {
  /** Index = id; holes and rows beyond the tokenizer hold `[PAD<id>]` of type unused. */
  readonly tokens: readonly string[];
  readonly types: Int32Array;
  readonly ids: ReadonlyMap<string, number>;
  /** Pairs in order of rank. */
  readonly merges: readonly (readonly [string, string])[];
}

/**
 * @param rows rows of the embedding matrix: the token count llama.cpp wants
 * @throws TOKENIZER_UNSUPPORTED when the model is not BPE, an id is used twice or lies outside the embedding
 */
export function readVocabulary(tokenizer: JsonObject, rows: number): Vocabulary {
  const model = objectAt(tokenizer, 'model');
  const kind = model === null ? null : textAt(model, 'type');
  const table = model === null ? null : objectAt(model, 'vocab');
  if (model === null || table === null || (kind !== null && kind !== 'BPE')) {
    throw unsupported(`the model is ${shown(kind ?? 'unnamed')}, only BPE can be written to GGUF`);
  }
  if (rows > MAX_TOKENS) throw unsupported(`${rows} tokens, the limit is ${MAX_TOKENS}`);
  const byId = new Array<string | undefined>(rows);
  const types = new Int32Array(rows).fill(TOKEN_TYPE.unused);
  const place = (token: string, id: unknown, type: number): void => {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= rows)
      throw unsupported(`token ${shown(token)} has id ${shown(id)}, the embedding has ${rows} rows`);
    const there = byId[id];
    if (there !== undefined && there !== token)
      throw unsupported(`tokens ${shown(there)} and ${shown(token)} share id ${id}`);
    byId[id] = token;
    types[id] = type;
  };
  const unknown = textAt(model, 'unk_token');
  for (const [token, id] of Object.entries(table)) {
    place(token, id, BYTE_TOKEN.test(token) ? TOKEN_TYPE.byte : TOKEN_TYPE.normal);
  }
  for (const added of arrayAt(tokenizer, 'added_tokens')) {
    const content = isObject(added) ? textAt(added, 'content') : null;
    if (!isObject(added) || content === null) throw unsupported('an added token has no content');
    const type = added.special === true ? TOKEN_TYPE.control : TOKEN_TYPE.userDefined;
    place(content, countAt(added, 'id'), BYTE_TOKEN.test(content) ? TOKEN_TYPE.byte : type);
  }
  const ids = new Map<string, number>();
  byId.forEach((token, id) => {
    if (token !== undefined) ids.set(token, id);
  });
  const unknownId = unknown === null ? undefined : ids.get(unknown);
  if (unknownId !== undefined && model.byte_fallback === true) types[unknownId] = TOKEN_TYPE.unknown;
  const tokens = Array.from(byId, (token, id) => token ?? `[PAD${id}]`);
  return { tokens, types, ids, merges: readMerges(model) };
}

/** Both spellings: "a b" and ["a", "b"]. */
function readMerges(model: JsonObject): [string, string][] {
  return arrayAt(model, 'merges').map((merge, rank) => {
    const pair = typeof merge === 'string' ? splitOnce(merge) : merge;
    if (Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string' && typeof pair[1] === 'string')
      return [pair[0], pair[1]];
    throw unsupported(`merge ${rank} is ${shown(merge)}, two tokens are needed`);
  });
}

function splitOnce(merge: string): string[] {
  const at = merge.indexOf(' ', 1);
  return at < 0 ? [merge] : [merge.slice(0, at), merge.slice(at + 1)];
}

export function unsupported(fact: string): QuantscopeError {
  return new QuantscopeError('TOKENIZER_UNSUPPORTED', `tokenizer.json: ${fact}`);
}

// Special token ids, begin/end flags and chat template, as llama.cpp's key-values.

import { arrayAt, countAt, isObject, type JsonObject, objectAt, textAt } from '../../../base/jsonObject.ts';
import type { TokenizerFiles } from '../../../tokenizer/tokenizerFiles.ts';
import { bool, type KeyValue, text, u32 } from '../keyValues.ts';
import type { Vocabulary } from './vocabulary.ts';

/** GGUF key → name in tokenizer_config.json and config.json. */
const SPECIAL = {
  bos_token_id: 'bos',
  eos_token_id: 'eos',
  unknown_token_id: 'unk',
  seperator_token_id: 'sep', // llama.cpp's own spelling
  padding_token_id: 'pad',
  mask_token_id: 'mask',
} as const;

/** @param addsBegin whether text starts with the begin token where no file says */
export function specialTokenKeyValues(files: TokenizerFiles, vocabulary: Vocabulary, addsBegin: boolean): KeyValue[] {
  const ids = new Map<string, number>();
  const entries: KeyValue[] = [];
  for (const [key, name] of Object.entries(SPECIAL)) {
    const id = specialId(files, vocabulary, name);
    if (id === null) continue;
    ids.set(name, id);
    entries.push(u32(`tokenizer.ggml.${key}`, id));
  }
  const template = templateEnds(files.tokenizer, vocabulary);
  const flags = files.tokenizerConfig;
  const begins = template === null ? (flag(flags, 'add_bos_token') ?? addsBegin) : template.first === ids.get('bos');
  const ends = template === null ? (flag(flags, 'add_eos_token') ?? false) : template.last === ids.get('eos');
  entries.push(bool('tokenizer.ggml.add_bos_token', begins && ids.has('bos')));
  entries.push(bool('tokenizer.ggml.add_eos_token', ends && ids.has('eos')));
  const chat = chatTemplate(files);
  if (chat !== null) entries.push(text('tokenizer.chat_template', chat));
  return entries;
}

/** By its text in tokenizer_config.json or special_tokens_map.json, else by its id in the model's configs. */
function specialId(files: TokenizerFiles, { ids, tokens }: Vocabulary, name: string): number | null {
  for (const file of [files.tokenizerConfig, files.specialTokens]) {
    const token = file[`${name}_token`];
    const content = typeof token === 'string' ? token : isObject(token) ? textAt(token, 'content') : null;
    const id = content === null ? undefined : ids.get(content);
    if (id !== undefined) return id;
  }
  const key = `${name}_token_id`;
  for (const file of [files.config, files.generationConfig]) {
    const id = countAt(file, key) ?? (typeof arrayAt(file, key)[0] === 'number' ? Number(arrayAt(file, key)[0]) : null);
    if (id !== null && Number.isInteger(id) && id < tokens.length) return id;
  }
  return null;
}

/** First and last token the post-processor puts around a single text, or null when it does not say. */
function templateEnds(
  tokenizer: JsonObject,
  { ids }: Vocabulary,
): { first: number | null; last: number | null } | null {
  const root = objectAt(tokenizer, 'post_processor');
  const steps = root === null ? [] : [root, ...arrayAt(root, 'processors').filter(isObject)];
  const template = steps.find((step) => textAt(step, 'type') === 'TemplateProcessing');
  if (template === undefined) return null;
  const single = arrayAt(template, 'single').filter(isObject);
  const idOf = (step: JsonObject | undefined): number | null => {
    const special = step === undefined ? null : objectAt(step, 'SpecialToken');
    const name = special === null ? null : textAt(special, 'id');
    return name === null ? null : (ids.get(name) ?? null);
  };
  return { first: idOf(single[0]), last: idOf(single.at(-1)) };
}

function chatTemplate({ tokenizerConfig, chatTemplate: beside }: TokenizerFiles): string | null {
  const inConfig = textAt(tokenizerConfig, 'chat_template');
  if (inConfig !== null) return inConfig;
  const named = arrayAt(tokenizerConfig, 'chat_template').filter(isObject);
  const chosen = named.find((one) => textAt(one, 'name') === 'default');
  return (chosen === undefined ? null : textAt(chosen, 'template')) ?? beside;
}

function flag(file: JsonObject, key: string): boolean | null {
  const value = file[key];
  return typeof value === 'boolean' ? value : null;
}

// The tokenizer of a Hugging Face folder: its files, read with bounds, as unchecked JSON.

import { basename, dirname, join } from 'node:path';
import { isQuantscopeError, QuantscopeError } from '../base/errors.ts';
import { isObject, type JsonObject, textAt } from '../base/jsonObject.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { readTextFile } from '../io/textFile.ts';

/** The largest tokenizer.json in use (Gemma 3) has 33 MB. */
const MAX_TOKENIZER_BYTES = 128 * 1024 * 1024;

export interface TokenizerFiles {
  readonly tokenizer: JsonObject;
  /** tokenizer_config.json; empty when absent. */
  readonly tokenizerConfig: JsonObject;
  /** special_tokens_map.json; empty when absent. */
  readonly specialTokens: JsonObject;
  /** generation_config.json; empty when absent. */
  readonly generationConfig: JsonObject;
  readonly config: JsonObject;
  /** chat_template.jinja, where the template is not in tokenizer_config.json. */
  readonly chatTemplate: string | null;
}

/** @throws TOKENIZER_UNSUPPORTED when tokenizer.json is missing, HEADER_INVALID when a file is not a JSON object */
export async function readTokenizerFiles(checkpoint: Checkpoint): Promise<TokenizerFiles> {
  const folder = dirname(checkpoint.files[0]?.path ?? checkpoint.path);
  const tokenizer = await readJson(join(folder, 'tokenizer.json'));
  if (tokenizer === null) {
    throw new QuantscopeError(
      'TOKENIZER_UNSUPPORTED',
      `${basename(folder)}: there is no tokenizer.json beside the weights; a GGUF needs it (SentencePiece's tokenizer.model alone is not read)`,
    );
  }
  return {
    tokenizer,
    tokenizerConfig: (await readJson(join(folder, 'tokenizer_config.json'))) ?? {},
    specialTokens: (await readJson(join(folder, 'special_tokens_map.json'))) ?? {},
    generationConfig: (await readJson(join(folder, 'generation_config.json'))) ?? {},
    config: checkpoint.config ?? {},
    chatTemplate: await readChatTemplate(folder),
  };
}

async function readChatTemplate(folder: string): Promise<string | null> {
  const jinja = await readOptional(join(folder, 'chat_template.jinja'));
  if (jinja !== null) return jinja;
  const json = await readJson(join(folder, 'chat_template.json'));
  return json === null ? null : textAt(json, 'chat_template');
}

async function readJson(path: string): Promise<JsonObject | null> {
  const text = await readOptional(path);
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new QuantscopeError('HEADER_INVALID', `${basename(path)}: not valid JSON`, { cause: error });
  }
  if (!isObject(value)) throw new QuantscopeError('HEADER_INVALID', `${basename(path)}: not a JSON object`);
  return value;
}

async function readOptional(path: string): Promise<string | null> {
  try {
    return await readTextFile(path, MAX_TOKENIZER_BYTES);
  } catch (error) {
    if (isQuantscopeError(error) && error.code === 'FILE_NOT_FOUND') return null;
    throw error;
  }
}

// What lies beside the weights and belongs to them: configuration, tokenizer, model card, adapters. A few small reads.

import { dirname, join } from 'node:path';
import { isQuantscopeError } from '../../base/errors.ts';
import { listFolder, listSubfolders } from '../../io/folder.ts';
import { adapterCompanion } from './adapter.ts';
import type { Companion } from './companion.ts';
import { isWhole, type JsonObject, jsonObject, type Peek, Peeker, shortWord } from './peek.ts';
import {
  joined,
  MAX_SENTENCEPIECE_BYTES,
  MAX_TOKENIZER_JSON_BYTES,
  sizeOf,
  tokenizerConfigNote,
  tokenizerJsonNote,
  tokenizerModelNote,
  vocabularyNote,
} from './tokenizer.ts';

/** Settings are some kilobytes; a chat template inside may take 20. */
const MAX_SETTINGS_BYTES = 256 * 1024;
/** The YAML head of a model card. */
const CARD_HEAD_BYTES = 4096;
/** Sub-folders looked into for adapters. */
const MAX_SUBFOLDERS = 64;

export interface FoundCompanions {
  readonly companions: readonly Companion[];
  readonly warnings: readonly string[];
  readonly bytesRead: number;
}

interface Row {
  readonly name: string;
  readonly kind: Companion['kind'];
  /** Most bytes read of it. */
  readonly limit: number;
  note(peek: Peek, config: JsonObject | null): string;
}

/** In the order they are listed. */
const FILES: readonly Row[] = [
  { name: 'config.json', kind: 'config', limit: MAX_SETTINGS_BYTES, note: configNote },
  { name: 'generation_config.json', kind: 'generation', limit: MAX_SETTINGS_BYTES, note: generationNote },
  { name: 'tokenizer.json', kind: 'tokenizer', limit: MAX_TOKENIZER_JSON_BYTES, note: tokenizerJsonNote },
  { name: 'tokenizer.model', kind: 'tokenizer', limit: MAX_SENTENCEPIECE_BYTES, note: tokenizerModelNote },
  vocabulary('vocab.json'),
  vocabulary('vocab.txt'),
  { name: 'tokenizer_config.json', kind: 'tokenizer', limit: MAX_SETTINGS_BYTES, note: tokenizerConfigNote },
  chatTemplate('chat_template.jinja'),
  chatTemplate('chat_template.json'),
  { name: 'README.md', kind: 'card', limit: CARD_HEAD_BYTES, note: cardNote },
];

/**
 * @param file one of the checkpoint's files; what lies in its folder, and adapters one level below, are its companions
 * @param config the folder's config.json where the format has read it, or null
 * @throws CANCELLED; any other trouble becomes a note or a warning
 */
export async function findCompanions(
  file: string,
  config: JsonObject | null,
  signal?: AbortSignal,
): Promise<FoundCompanions> {
  const folder = dirname(file);
  const peeker = new Peeker(signal);
  const companions: Companion[] = [];
  const warnings: string[] = [];
  try {
    const names = new Set(await listFolder(folder));
    for (const row of FILES) {
      if (!names.has(row.name)) continue;
      const known = row.kind === 'config' && config !== null;
      const peek = await peeker.peek(join(folder, row.name), known ? 0 : row.limit);
      companions.push({
        name: row.name,
        kind: row.kind,
        note: peek === null ? 'cannot be read' : row.note(peek, config),
      });
    }
    const own = await adapterCompanion(folder, '', peeker);
    if (own !== null) companions.push(own);
    for (const name of (await listSubfolders(folder)).slice(0, MAX_SUBFOLDERS)) {
      const adapter = await adapterCompanion(join(folder, name), `${name}/`, peeker);
      if (adapter !== null) companions.push(adapter);
    }
  } catch (error) {
    if (!isQuantscopeError(error) || error.code === 'CANCELLED') throw error;
    warnings.push(error.message);
  }
  return { companions, warnings, bytesRead: peeker.bytesRead };
}

function vocabulary(name: string): Row {
  return {
    name,
    kind: 'tokenizer',
    limit: MAX_TOKENIZER_JSON_BYTES,
    note: (peek, config) => vocabularyNote(name, peek, config),
  };
}

function chatTemplate(name: string): Row {
  return { name, kind: 'tokenizer', limit: 0, note: (peek) => `chat template, ${sizeOf(peek)}` };
}

function configNote(peek: Peek, known: JsonObject | null): string {
  const config = known ?? jsonObject(peek);
  if (config === null) return isWhole(peek) ? `not a JSON object, ${sizeOf(peek)}` : sizeOf(peek);
  const [architecture] = Array.isArray(config.architectures) ? config.architectures : [];
  return shortWord(architecture) || shortWord(config.model_type) || sizeOf(peek);
}

function generationNote(peek: Peek): string {
  const settings = jsonObject(peek);
  if (settings === null) return sizeOf(peek);
  const shown = ['temperature', 'top_p', 'top_k'].map((key) => {
    const value = shortWord(settings[key]);
    return value === '' ? '' : `${key} ${value}`;
  });
  return joined(...shown) || sizeOf(peek);
}

/** `license:` and `base_model:` of the YAML head. */
function cardNote(peek: Peek): string {
  const text = peek.bytes.toString('utf8');
  const end = text.startsWith('---') ? text.indexOf('\n---', 3) : -1;
  const lines = end < 0 ? [] : text.slice(0, end).split('\n');
  const field = (key: string): string => {
    const line = lines.find((candidate) => candidate.startsWith(`${key}: `));
    return line === undefined ? '' : shortWord(line.slice(key.length + 2));
  };
  const [license, base] = [field('license'), field('base_model')];
  return joined(license && `license ${license}`, base && `made from ${base}`, sizeOf(peek));
}

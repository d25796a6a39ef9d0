// What a calibration file says: plain text as it is, JSONL line by line.

import { extname } from 'node:path';
import { QuantscopeError } from '../base/errors.ts';
import { isObject, type JsonObject } from '../base/jsonObject.ts';

const JSONL = new Set(['.jsonl', '.ndjson']);
/** Line numbers a message names before it only counts. */
const NAMED_LINES = 5;

/**
 * JSONL files (by extension) give one document a line: `text` or `content`, or the contents of `messages` or
 * `conversations` one under the other. Documents are separated by an empty line; lines without characters are skipped.
 *
 * @param name the file's, for its extension and for messages
 * @throws HEADER_INVALID naming the lines that hold no text; TEXT_TOO_SHORT for a file without any
 */
export function textOf(name: string, content: string): string {
  const text = JSONL.has(extname(name).toLowerCase()) ? documents(name, content).join('\n\n') : content;
  if (text.trim() === '') throw new QuantscopeError('TEXT_TOO_SHORT', `${name}: there is no text in it`);
  return text;
}

function documents(name: string, content: string): string[] {
  const found: string[] = [];
  const broken: number[] = [];
  content.split(/\r?\n/).forEach((line, at) => {
    if (line.trim() === '') return;
    const text = documentOf(line);
    if (text === null) broken.push(at + 1);
    else if (text.trim() !== '') found.push(text);
  });
  if (broken.length === 0) return found;
  const more = broken.length > NAMED_LINES ? ` and ${broken.length - NAMED_LINES} more` : '';
  throw new QuantscopeError(
    'HEADER_INVALID',
    `${name}: line ${broken.slice(0, NAMED_LINES).join(', ')}${more}: not a JSON object with text, content, messages or conversations`,
  );
}

function documentOf(line: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (!isObject(value)) return null;
  const plain = value.text ?? value.content;
  if (typeof plain === 'string') return plain;
  const messages = value.messages ?? value.conversations;
  if (!Array.isArray(messages)) return null;
  const contents = messages.map((message) => (isObject(message) ? messageText(message) : null));
  return contents.includes(null) ? null : contents.join('\n');
}

/** OpenAI's messages have `content`, a text or a list of parts; ShareGPT's have `value`. */
function messageText({ content, value }: JsonObject): string | null {
  const said = content ?? value;
  if (typeof said === 'string') return said;
  if (!Array.isArray(said)) return null;
  const parts = said.map((part) => (isObject(part) ? (part.text ?? '') : null));
  return parts.every((part) => typeof part === 'string') ? parts.join('\n') : null;
}

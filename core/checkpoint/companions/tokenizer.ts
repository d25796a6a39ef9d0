// What a tokenizer's files say in one line: kind of model and size of the vocabulary, without parsing megabytes.

import { bytesText } from '../../base/byteText.ts';
import { asObject, isWhole, type JsonObject, jsonObject, type Peek, shortWord } from './peek.ts';

/** A vocabulary of some thousand tokens; larger ones would take longer to parse than the model takes to open. */
export const MAX_TOKENIZER_JSON_BYTES = 128 * 1024;
/** SentencePiece models are walked without decoding: 256,000 pieces take 4 MB and some milliseconds. */
export const MAX_SENTENCEPIECE_BYTES = 6_000_000;

/** `"model": {"type": "BPE"` comes after the added tokens, a few hundred at most. */
const MODEL_TYPE = /"model"\s{0,40}:\s{0,40}\{\s{0,40}"type"\s{0,40}:\s{0,40}"([A-Za-z]{1,20})"/;
/** sentencepiece_model.proto `TrainerSpec.ModelType`. */
const SENTENCEPIECE_TYPES: Readonly<Record<number, string>> = { 1: 'Unigram', 2: 'BPE', 3: 'word', 4: 'character' };

/** `tokenizer.json` of the tokenizers library. @param config the model's, which also knows how many tokens there are */
export function tokenizerJsonNote(peek: Peek, config: JsonObject | null): string {
  const whole = jsonObject(peek);
  if (whole !== null) {
    const model = asObject(whole.model);
    const count = Array.isArray(model?.vocab) ? model.vocab.length : Object.keys(asObject(model?.vocab) ?? {}).length;
    return joined(tokens(count), shortWord(model?.type), sizeOf(peek));
  }
  if (isWhole(peek)) return `not valid JSON, ${sizeOf(peek)}`;
  const type = MODEL_TYPE.exec(peek.bytes.toString('latin1'))?.[1];
  return joined(tokens(config?.vocab_size), type, sizeOf(peek));
}

/** `tokenizer.model`: a SentencePiece protobuf, or tiktoken's lines of base64. */
export function tokenizerModelNote(peek: Peek): string {
  if (!isWhole(peek)) return sizeOf(peek);
  const pieces = sentencePieces(peek.bytes);
  if (pieces !== null) return joined(tokens(pieces.count), `SentencePiece ${pieces.type}`.trim(), sizeOf(peek));
  const lines = tiktokenLines(peek.bytes);
  return lines === null ? sizeOf(peek) : joined(tokens(lines), 'tiktoken BPE', sizeOf(peek));
}

/** `vocab.json`, beside `merges.txt`, and `vocab.txt`. */
export function vocabularyNote(name: string, peek: Peek, config: JsonObject | null): string {
  if (name.endsWith('.txt')) {
    const lines = isWhole(peek) ? countLines(peek.bytes) : config?.vocab_size;
    return joined(tokens(lines), 'WordPiece', sizeOf(peek));
  }
  const whole = jsonObject(peek);
  return joined(tokens(whole === null ? config?.vocab_size : Object.keys(whole).length), 'BPE', sizeOf(peek));
}

export function tokenizerConfigNote(peek: Peek): string {
  const config = jsonObject(peek);
  if (config === null) return sizeOf(peek);
  return (
    joined(shortWord(config.tokenizer_class), config.chat_template === undefined ? '' : 'chat template') || sizeOf(peek)
  );
}

export function sizeOf({ sizeBytes }: Peek): string {
  return bytesText(sizeBytes);
}

export function joined(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(', ');
}

function tokens(count: unknown): string {
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0
    ? `${count.toLocaleString('en-US')} tokens`
    : '';
}

/**
 * Top-level fields of a ModelProto: 1 = a piece, 2 = the trainer's settings, whose field 3 is the kind of model. Null
 * when the bytes are no such message.
 */
function sentencePieces(bytes: Uint8Array): { count: number; type: string } | null {
  let count = 0;
  let type = '';
  for (let at = 0; at < bytes.length; ) {
    const tag = varint(bytes, at);
    const length = tag === null || (tag.value & 7) !== 2 ? null : varint(bytes, tag.end);
    if (tag === null || length === null || length.end + length.value > bytes.length) return null;
    const field = tag.value >> 3;
    at = length.end + length.value;
    if (field === 1) count++;
    else if (field === 2) type = trainerType(bytes.subarray(length.end, at));
    else if (field < 1 || field > 15) return null;
  }
  return count === 0 ? null : { count, type };
}

function trainerType(message: Uint8Array): string {
  for (let at = 0; at < message.length; ) {
    const tag = varint(message, at);
    if (tag === null) return '';
    const wire = tag.value & 7;
    const value = wire === 0 || wire === 2 ? varint(message, tag.end) : null;
    if (wire === 0 && value !== null && tag.value >> 3 === 3) return SENTENCEPIECE_TYPES[value.value] ?? '';
    if (wire === 5) at = tag.end + 4;
    else if (wire === 1) at = tag.end + 8;
    else if (value === null) return '';
    else at = wire === 0 ? value.end : value.end + value.value;
  }
  return '';
}

/** Up to 35 bits, which every length here is far below. */
function varint(bytes: Uint8Array, at: number): { value: number; end: number } | null {
  let value = 0;
  for (let shift = 0; shift < 5; shift++) {
    const byte = bytes[at + shift];
    if (byte === undefined) return null;
    value += (byte & 127) * 128 ** shift;
    if (byte < 128) return value <= 0x7fffffff ? { value, end: at + shift + 1 } : null;
  }
  return null;
}

/** Lines "base64 rank"; null when the first one is not. */
function tiktokenLines(bytes: Buffer): number | null {
  return /^[A-Za-z0-9+/=]{2,200} \d{1,7}\r?\n/.test(bytes.toString('latin1', 0, 256)) ? countLines(bytes) : null;
}

function countLines(bytes: Uint8Array): number {
  let lines = bytes.length > 0 && bytes[bytes.length - 1] !== 0x0a ? 1 : 0;
  for (const byte of bytes) if (byte === 0x0a) lines++;
  return lines;
}

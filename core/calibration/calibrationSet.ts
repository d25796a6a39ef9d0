// A calibration set: which sequences of a text are run, and the hash that names them in every result.

import { createHash } from 'node:crypto';
import { cutSequences, type ScoredSequences } from '../evaluation/sequences.ts';
import { type CacheFolder, openCacheFolder } from '../io/cacheFolder.ts';
import type { TextTokenizer } from '../tokenizer/textTokenizer.ts';
import type { CalibrationText } from './calibrationText.ts';

export interface SetSettings {
  /** Tokens of a sequence. */
  readonly context: number;
  /** At most so many sequences. */
  readonly sequences: number;
  /** Draws them where the text gives more. */
  readonly seed: number;
}

export interface CalibrationSet extends ScoredSequences {
  /** SHA-256 of the tokens that are run, sequence after sequence, as little-endian 32-bit integers. */
  readonly dataHash: string;
  readonly tokens: number;
}

/** @throws TEXT_TOO_SHORT naming both lengths */
export async function calibrationSet(
  text: CalibrationText,
  tokenizer: TextTokenizer,
  settings: SetSettings,
): Promise<CalibrationSet> {
  const ids = await tokensOf(text, tokenizer);
  const cut = cutSequences(ids, { ...settings, score: 'all', begin: tokenizer.begin });
  const hash = createHash('sha256');
  for (const sequence of cut.sequences) hash.update(littleEndian(sequence));
  return { ...cut, dataHash: hash.digest('hex'), tokens: cut.sequences.length * settings.context };
}

/** Token ids of a text, kept on disk under the hashes of text and tokenizer: large texts take minutes to encode. */
export async function tokensOf({ text, sha256 }: CalibrationText, tokenizer: TextTokenizer): Promise<Uint32Array> {
  const folder = await openCacheFolder('tokens').catch(() => null);
  const key = createHash('sha256').update(`${sha256} ${tokenizer.hash}`).digest('hex');
  const known = folder === null ? null : await readTokens(folder, key);
  if (known !== null) return known;
  const ids = tokenizer.encode(text);
  await folder?.write(key, withHash(littleEndian(ids))).catch(() => undefined);
  return ids;
}

const HASH_BYTES = 32;

/** null for entries that are missing or damaged: a wrong token would be measured as a right one. */
async function readTokens(folder: CacheFolder, key: string): Promise<Uint32Array | null> {
  const bytes = await folder.read(key).catch(() => null);
  if (bytes === null || bytes.length < HASH_BYTES || bytes.length % 4 !== 0) return null;
  const body = bytes.subarray(HASH_BYTES);
  if (
    !withHash(body)
      .subarray(0, HASH_BYTES)
      .every((byte, i) => byte === bytes[i])
  )
    return null;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return Uint32Array.from({ length: body.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

function withHash(body: Uint8Array): Uint8Array {
  const out = new Uint8Array(HASH_BYTES + body.length);
  out.set(createHash('sha256').update(body).digest());
  out.set(body, HASH_BYTES);
  return out;
}

function littleEndian(ids: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(4 * ids.length);
  const view = new DataView(bytes.buffer);
  ids.forEach((id, i) => {
    view.setUint32(4 * i, id, true);
  });
  return bytes;
}

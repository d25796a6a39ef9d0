// The beginning of a small file beside the weights; what cannot be read is told in its note, never thrown.

import { isQuantscopeError } from '../../base/errors.ts';
import { openByteSource } from '../../io/byteSource.ts';

export interface Peek {
  readonly sizeBytes: number;
  /** The first bytes, all of them when there are no more. */
  readonly bytes: Buffer<ArrayBuffer>;
}

export const EMPTY: Peek = { sizeBytes: 0, bytes: Buffer.alloc(0) };

/** Reads files by their path and counts what was read. */
export class Peeker {
  bytesRead = 0;
  readonly #signal: AbortSignal | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** @returns null when the file cannot be read. @throws CANCELLED */
  async peek(path: string, limit: number): Promise<Peek | null> {
    try {
      await using source = await openByteSource(path, this.#signal);
      const bytes = await source.read(0, Math.min(source.sizeBytes, limit));
      this.bytesRead += bytes.length;
      return { sizeBytes: source.sizeBytes, bytes: Buffer.from(bytes.buffer) };
    } catch (error) {
      if (!isQuantscopeError(error) || error.code === 'CANCELLED') throw error;
      return error.code === 'FILE_EMPTY' ? EMPTY : null;
    }
  }
}

export function isWhole({ sizeBytes, bytes }: Peek): boolean {
  return bytes.length === sizeBytes;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** @returns null unless the whole file was read and is a JSON object */
export function jsonObject(peek: Peek): JsonObject | null {
  if (!isWhole(peek)) return null;
  try {
    return asObject(JSON.parse(peek.bytes.toString('utf8')));
  } catch {
    return null;
  }
}

export function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}

/** A file's own word, short enough for a note and on one line; '' for anything but text and numbers. */
export function shortWord(value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  if (typeof value !== 'string') return '';
  const word = value.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ').trim();
  return word.length <= MAX_WORD ? word : `${word.slice(0, MAX_WORD)}…`;
}

const MAX_WORD = 60;

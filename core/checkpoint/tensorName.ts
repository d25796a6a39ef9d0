// Tensor names and keys: bytes of a hostile file turned into text, kept exactly or refused.

import { QuantscopeError } from '../base/errors.ts';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Longest part of a hostile name repeated in a message. */
const SHOWN_CHARACTERS = 200;

/** A name fit for a message: quoted, control characters escaped, bounded. */
export function quoteName(name: string): string {
  return JSON.stringify(name.length <= SHOWN_CHARACTERS ? name : `${name.slice(0, SHOWN_CHARACTERS)}…`);
}

/** @param where file and position, for the message. @throws NAME_INVALID when the bytes are not UTF-8 */
export function decodeName(bytes: Uint8Array, where: () => string): string {
  try {
    return strict.decode(bytes);
  } catch (error) {
    throw new QuantscopeError('NAME_INVALID', `${where()} is not valid UTF-8`, { cause: error });
  }
}

/** @throws NAME_INVALID above the limit */
export function limitName(lengthBytes: number, limitBytes: number, where: () => string): void {
  if (lengthBytes <= limitBytes) return;
  throw new QuantscopeError('NAME_INVALID', `${where()} has ${lengthBytes} bytes, limit ${limitBytes}`);
}

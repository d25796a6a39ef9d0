// HDF5 object headers (specification IV.A): versions 1 and 2, continuation blocks included, as a list of messages.

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_HDF5_HEADER_BYTES, MAX_HDF5_MESSAGES } from '../../base/limits.ts';
import type { PagedBytes } from '../../io/pagedBytes.ts';
import { Cursor, UNDEFINED, type Widths } from './cursor.ts';

export const MESSAGE = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  layout: 0x08,
  filters: 0x0b,
  continuation: 0x10,
  symbolTable: 0x11,
} as const;

export interface Message {
  readonly type: number;
  /** Shared messages hold a reference instead of their content. */
  readonly shared: boolean;
  readonly body: Uint8Array;
  /** Absolute byte offset of the body: compact datasets keep their data in it. */
  readonly offset: number;
}

interface Block {
  readonly at: number;
  readonly length: number;
}

export interface Hdf5File {
  readonly pages: PagedBytes;
  readonly widths: Widths;
}

/** @throws HEADER_INVALID, HEADER_TRUNCATED, COUNT_LIMIT */
export async function readObjectHeader(file: Hdf5File, address: number): Promise<Message[]> {
  const name = file.pages.source.name;
  if (address === UNDEFINED) throw new QuantscopeError('HEADER_INVALID', `${name}: an object has no header`);
  const start = new Cursor(await readAt(file, address, 16), name, file.widths);
  const second = start.bytes[0] === 0x4f; // "OHDR"
  const { version, first, order } = second ? await versionTwo(file, address) : versionOne(start, address);
  const messages: Message[] = [];
  const blocks = [first];
  const seen = new Set<number>();
  let total = 0;
  for (let block = blocks.shift(); block !== undefined; block = blocks.shift()) {
    if (seen.has(block.at))
      throw new QuantscopeError('HEADER_INVALID', `${name}: the object header at ${address} continues in itself`);
    seen.add(block.at);
    total += block.length;
    if (total > MAX_HDF5_HEADER_BYTES) {
      const fact = `the object header at ${address} has more than ${MAX_HDF5_HEADER_BYTES} bytes`;
      throw new QuantscopeError('HEADER_TOO_LARGE', `${name}: ${fact}`);
    }
    const cursor = new Cursor(await readAt(file, block.at, block.length), name, file.widths);
    const prefix = version === 1 ? 8 : order ? 6 : 4;
    while (cursor.left >= prefix) {
      const message = readMessage(cursor, version, order, block.at);
      if (message.type === MESSAGE.continuation) blocks.push(continuation(file, message, version));
      else messages.push(message);
      if (messages.length + blocks.length > MAX_HDF5_MESSAGES)
        throw new QuantscopeError(
          'COUNT_LIMIT',
          `${name}: the object header at ${address} has more than ${MAX_HDF5_MESSAGES} messages`,
        );
    }
  }
  return messages;
}

/** IV.A.1.a: version, reserved, messages, references, bytes of the first block, which begins after padding to 8. */
function versionOne(start: Cursor, address: number): { version: 1 | 2; first: Block; order: boolean } {
  if (start.u8() !== 1) start.fail(`no object header at byte ${address}`);
  start.skip(1 + 2 + 4);
  return { version: 1, first: { at: address + 16, length: start.u32() }, order: false };
}

/** IV.A.1.b: "OHDR", version 2, flags, times, attribute phase change, size of the first block; a checksum ends it. */
async function versionTwo(file: Hdf5File, address: number): Promise<{ version: 1 | 2; first: Block; order: boolean }> {
  const { source } = file.pages;
  const cursor = new Cursor(
    await readAt(file, address, Math.min(48, source.sizeBytes - address)),
    source.name,
    file.widths,
  );
  cursor.expect('OHDR', `the object header at byte ${address}`);
  if (cursor.u8() !== 2) cursor.fail(`the object header at byte ${address} has an unknown version`);
  const flags = cursor.u8();
  if ((flags & 0x20) !== 0) cursor.skip(16);
  if ((flags & 0x10) !== 0) cursor.skip(4);
  const length = cursor.unsigned(1 << (flags & 3));
  return { version: 2, first: { at: address + cursor.at, length }, order: (flags & 0x04) !== 0 };
}

function readMessage(cursor: Cursor, version: 1 | 2, order: boolean, blockAt: number): Message {
  const type = version === 1 ? cursor.u16() : cursor.u8();
  const size = cursor.u16();
  const flags = cursor.u8();
  cursor.skip(version === 1 ? 3 : order ? 2 : 0);
  const offset = blockAt + cursor.at;
  return { type, shared: (flags & 2) !== 0, body: cursor.take(size), offset };
}

function continuation(file: Hdf5File, { body }: Message, version: 1 | 2): Block {
  const cursor = new Cursor(body, file.pages.source.name, file.widths);
  const at = cursor.address();
  const length = cursor.length();
  // Version 2 blocks stand between "OCHK" and a checksum.
  return version === 1 ? { at, length } : { at: at + 4, length: length - 8 };
}

/** @throws HEADER_INVALID for places outside the file */
export async function readAt({ pages }: Hdf5File, at: number, length: number): Promise<Uint8Array> {
  const { name, sizeBytes } = pages.source;
  if (at >= 0 && length >= 0 && at + length <= sizeBytes) return pages.read(at, length);
  throw new QuantscopeError(
    'HEADER_INVALID',
    `${name}: a structure at byte ${at} ends outside the file (${sizeBytes} bytes)`,
  );
}

// The entries of a tar archive (POSIX.1-2017 pax, "ustar Interchange Format"; GNU long names): where each file lies.

import { QuantscopeError } from '../base/errors.ts';
import { MAX_NAME_BYTES, MAX_TAR_ENTRIES } from '../base/limits.ts';
import type { ByteSource } from './byteSource.ts';

export interface TarEntry {
  readonly name: string;
  /** Absolute offset of the first byte. */
  readonly offset: number;
  readonly bytes: number;
}

const BLOCK = 512;
const MAGIC_AT = 257;
const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;
/** Names longer than a header's field stand in an entry of their own before it. */
const MAX_EXTENSION_BYTES = 64 * 1024;

/** Whether a file's first block is a tar header. */
export function beginsLikeTar(head: Uint8Array): boolean {
  return head.length >= BLOCK && Buffer.from(head.subarray(MAGIC_AT, MAGIC_AT + 5)).toString('latin1') === 'ustar';
}

/**
 * Regular files of the archive in their order; folders, links and devices are left out.
 *
 * @throws ARCHIVE_INVALID, COUNT_LIMIT, DUPLICATE_NAME, NAME_INVALID and what reading throws
 */
export async function readTarDirectory(source: ByteSource): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  const names = new Set<string>();
  let extension: Extension = {};
  let at = 0;
  for (let count = 0; at + BLOCK <= source.sizeBytes; count++) {
    if (count === MAX_TAR_ENTRIES) throw refuse(source, `more than ${MAX_TAR_ENTRIES} entries`, 'COUNT_LIMIT');
    const header = Buffer.from(await source.read(at, BLOCK));
    if (header.every((byte) => byte === 0)) break;
    checkHeader(source, header, at);
    const type = String.fromCharCode(header[156] ?? 0);
    const ownSize = number(source, header.subarray(124, 136), at);
    const isExtension = type === 'x' || type === 'g' || type === 'L' || type === 'K';
    const bytes = isExtension ? ownSize : (extension.bytes ?? ownSize);
    const offset = at + BLOCK;
    if (offset + bytes > source.sizeBytes) {
      throw refuse(source, `the entry at byte ${at} ends at ${offset + bytes}, the file at ${source.sizeBytes}`);
    }
    if (isExtension) extension = { ...extension, ...(await readExtension(source, type, offset, bytes)) };
    else {
      const name = extension.name ?? headerName(header);
      extension = {};
      if (type === '0' || type === '\0') {
        if (names.has(name)) throw refuse(source, `the entry ${shown(name)} appears twice`, 'DUPLICATE_NAME');
        names.add(name);
        entries.push({ name, offset, bytes });
      }
    }
    at = offset + Math.ceil(bytes / BLOCK) * BLOCK;
  }
  return entries;
}

/** What an entry says about the one after it. */
interface Extension {
  readonly name?: string;
  readonly bytes?: number;
}

async function readExtension(source: ByteSource, type: string, offset: number, bytes: number): Promise<Extension> {
  if (bytes > MAX_EXTENSION_BYTES) {
    throw refuse(source, `the names at byte ${offset} have ${bytes} bytes, limit ${MAX_EXTENSION_BYTES}`);
  }
  // Global records and long link names say nothing about files.
  if (type === 'g' || type === 'K') return {};
  const body = Buffer.from(await source.read(offset, bytes));
  return type === 'L' ? { name: checkedName(source, text(body)) } : paxRecords(source, body, offset);
}

/** "LENGTH KEY=VALUE\n", LENGTH counting all of it. */
function paxRecords(source: ByteSource, body: Buffer, offset: number): Extension {
  const found: { name?: string; bytes?: number } = {};
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(body.toString('latin1', at, space));
    if (!(Number.isInteger(length) && length > space - at + 1 && at + length <= body.length)) {
      throw refuse(source, `the pax record at byte ${offset + at} has no valid length`);
    }
    const record = body.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    const value = record.slice(equals + 1);
    if (record.slice(0, equals) === 'path') found.name = checkedName(source, value);
    if (record.slice(0, equals) === 'size') found.bytes = size(source, value, 10, offset + at);
    at += length;
  }
  return found;
}

function checkHeader(source: ByteSource, header: Buffer, at: number): void {
  let sum = 0;
  for (const [index, byte] of header.entries()) {
    sum += index >= CHECKSUM_AT && index < CHECKSUM_AT + CHECKSUM_BYTES ? 0x20 : byte;
  }
  const claimed = number(source, header.subarray(CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES), at);
  if (sum !== claimed)
    throw refuse(source, `the header at byte ${at} has the checksum ${claimed}, its bytes give ${sum}`);
}

/** Octal digits; or, above 8 GB, a big-endian number marked by its first bit (GNU). */
function number(source: ByteSource, field: Buffer, at: number): number {
  if (((field[0] ?? 0) & 0x80) === 0) return size(source, text(field).trim() || '0', 8, at);
  const value = BigInt(`0x${field.toString('hex')}`) & ((1n << BigInt(field.length * 8 - 1)) - 1n);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refuse(source, `the header at byte ${at} claims ${value} bytes`);
  return Number(value);
}

function size(source: ByteSource, digits: string, base: 8 | 10, at: number): number {
  const value = (base === 8 ? /^[0-7]{1,12}$/ : /^[0-9]{1,16}$/).test(digits)
    ? Number.parseInt(digits, base)
    : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw refuse(source, `the header at byte ${at} has the number ${shown(digits)}`);
}

function headerName(header: Buffer): string {
  const name = text(header.subarray(0, 100));
  const isPosix = header[MAGIC_AT + 5] === 0;
  const prefix = isPosix ? text(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function checkedName(source: ByteSource, name: string): string {
  if (name.length <= MAX_NAME_BYTES) return name;
  throw refuse(source, `an entry's name has ${name.length} characters, limit ${MAX_NAME_BYTES}`, 'NAME_INVALID');
}

/** Up to the first NUL. */
function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}

function refuse(
  source: ByteSource,
  fact: string,
  code: 'ARCHIVE_INVALID' | 'COUNT_LIMIT' | 'DUPLICATE_NAME' | 'NAME_INVALID' = 'ARCHIVE_INVALID',
): QuantscopeError {
  return new QuantscopeError(code, `${source.name}: the tar archive: ${fact}`);
}

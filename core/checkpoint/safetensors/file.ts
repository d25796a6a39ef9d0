// One safetensors file: u64 header length, JSON header, data. Reads the length and the header, nothing else.

import { createHash } from 'node:crypto';
import { QuantscopeError } from '../../base/errors.ts';
import { MAX_SAFETENSORS_HEADER_BYTES } from '../../base/limits.ts';
import { type ByteSource, openByteSource } from '../../io/byteSource.ts';
import type { CheckpointFile } from '../checkpoint.ts';
import { checkLayout } from '../layout.ts';
import { refuseLfsPointer } from '../lfsPointer.ts';
import { parseSafetensorsHeader, type SafetensorsHeader } from './header.ts';

/** The header's length, u64. */
const LENGTH_BYTES = 8;

export interface SafetensorsFile extends SafetensorsHeader {
  readonly file: CheckpointFile;
  readonly headerBytes: number;
  readonly headerDigest: Uint8Array;
  readonly bytesRead: number;
}

/** @param index of the file in the checkpoint. @throws every code of header.ts, layout.ts and byteSource.ts */
export async function readSafetensorsFile(
  path: string,
  index: number,
  signal: AbortSignal | undefined,
): Promise<SafetensorsFile> {
  await using source = await openByteSource(path, signal);
  const headerBytes = await readHeaderLength(source);
  const header = await source.read(LENGTH_BYTES, headerBytes);
  const dataBegin = LENGTH_BYTES + headerBytes;
  const parsed = parseSafetensorsHeader(header, { dataBegin, file: index, name: source.name });
  const section = { file: source.name, begin: dataBegin, end: source.sizeBytes, alignment: 1 };
  const end = checkLayout(parsed.tensors, section);
  if (end !== source.sizeBytes) {
    const fact = `${source.sizeBytes - end} bytes after the last tensor belong to none`;
    throw new QuantscopeError(
      'TENSOR_GAP',
      `${source.name}: ${fact} (it ends at ${end}, the file at ${source.sizeBytes})`,
    );
  }
  const file = { path, sizeBytes: source.sizeBytes, modifiedMs: source.modifiedMs };
  const headerDigest = createHash('sha256').update(header).digest();
  // Up to 100 MB, which the collector would keep until much later.
  header.buffer.transfer(0);
  return { ...parsed, file, headerBytes, headerDigest, bytesRead: source.bytesRead };
}

async function readHeaderLength(source: ByteSource): Promise<number> {
  const { name, sizeBytes } = source;
  const head = await source.read(0, Math.min(LENGTH_BYTES, sizeBytes));
  await refuseLfsPointer(source, head);
  if (head.length < LENGTH_BYTES) {
    throw new QuantscopeError('HEADER_TRUNCATED', `${name}: ${sizeBytes} bytes, the header length alone takes 8`);
  }
  const length = new DataView(head.buffer).getBigUint64(0, true);
  if (length > BigInt(MAX_SAFETENSORS_HEADER_BYTES)) {
    const limit = `limit ${MAX_SAFETENSORS_HEADER_BYTES}`;
    throw new QuantscopeError('HEADER_TOO_LARGE', `${name}: the header claims ${length} bytes, ${limit}`);
  }
  if (length + BigInt(LENGTH_BYTES) > BigInt(sizeBytes)) {
    const fact = `the header claims ${length} bytes, the file has ${sizeBytes}`;
    throw new QuantscopeError('HEADER_TRUNCATED', `${name}: ${fact}`);
  }
  if (length < 2n)
    throw new QuantscopeError('HEADER_INVALID', `${name}: the header has ${length} bytes, at least 2 needed`);
  return Number(length);
}

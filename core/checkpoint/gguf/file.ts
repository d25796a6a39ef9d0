// One GGUF file: magic, version, counts, key-values, tensor infos; layout checked against the file's size.

import { createHash } from 'node:crypto';
import { QuantscopeError } from '../../base/errors.ts';
import { GGML_MAX_NAME_BYTES, MAX_GGUF_ALIGNMENT } from '../../base/limits.ts';
import { openByteSource } from '../../io/byteSource.ts';
import type { StridedStorage } from '../../tensor/storage.ts';
import type { CheckpointFile } from '../checkpoint.ts';
import type { StoredTensor } from '../format.ts';
import { checkLayout } from '../layout.ts';
import { refuseLfsPointer } from '../lfsPointer.ts';
import { quoteName } from '../tensorName.ts';
import type { GgufKeyValue } from './details.ts';
import { keyValuesOf, readKeyValues } from './keyValues.ts';
import { PagedHeader } from './pagedHeader.ts';
import { readTensorInfos } from './tensorInfos.ts';

export const GGUF_MAGIC = 'GGUF';
const DEFAULT_ALIGNMENT = 32;

export interface GgufFile {
  readonly file: CheckpointFile;
  readonly version: number;
  readonly alignment: number;
  readonly bigEndian: boolean;
  readonly keyValues: readonly GgufKeyValue[];
  readonly tensors: readonly StoredTensor[];
  readonly headerBytes: number;
  readonly headerDigest: Uint8Array;
  readonly bytesRead: number;
  readonly warnings: readonly string[];
}

/**
 * @param index of the file in the checkpoint
 * @throws FORMAT_UNKNOWN, VERSION_UNSUPPORTED, and every code of keyValues.ts, tensorInfos.ts, layout.ts, byteSource.ts
 */
export async function readGgufFile(path: string, index: number, signal: AbortSignal | undefined): Promise<GgufFile> {
  await using source = await openByteSource(path, signal);
  const { name, sizeBytes, modifiedMs } = source;
  const header = new PagedHeader(source);
  const version = await readVersion(header);
  const tensorCount = await header.u64();
  const ranges = await readKeyValues(header, await header.u64());
  const tensors = await readTensorInfos(header, tensorCount, index);
  const headerBytes = header.at;

  const keyValues = keyValuesOf(header, ranges);
  const alignment = readAlignment(name, keyValues);
  const begin = Math.ceil(headerBytes / alignment) * alignment;
  for (const tensor of tensors) {
    if (tensor.offset % alignment !== 0) {
      const fact = `begins at offset ${tensor.offset}, not a multiple of the alignment ${alignment}`;
      throw new QuantscopeError('HEADER_INVALID', `${name}: tensor ${quoteName(tensor.name)} ${fact}`);
    }
    tensor.offset += begin;
    if (!header.littleEndian) tensor.storage = bigEndianStorage(tensor);
  }
  const end = checkLayout(tensors, { file: name, begin, end: sizeBytes, alignment });
  const headerDigest = createHash('sha256').update(header.bytes.subarray(0, headerBytes)).digest();
  header.release();
  return {
    file: { path, sizeBytes, modifiedMs },
    version,
    alignment,
    bigEndian: !header.littleEndian,
    keyValues,
    tensors,
    headerBytes,
    headerDigest,
    bytesRead: source.bytesRead,
    warnings: [...trailingBytes(name, end, sizeBytes, alignment), ...longNames(name, tensors)],
  };
}

async function readVersion(header: PagedHeader): Promise<number> {
  const { source } = header;
  const { name, sizeBytes } = source;
  const head = await source.read(0, Math.min(4, sizeBytes));
  await refuseLfsPointer(source, head);
  if (Buffer.from(head).toString('latin1') !== GGUF_MAGIC) {
    throw new QuantscopeError('FORMAT_UNKNOWN', `${name}: does not begin with "${GGUF_MAGIC}"`);
  }
  header.at = 4;
  await header.need(4);
  // As gguf.cpp and gguf-py tell: a small number in the upper half word is a version in the other byte order.
  header.littleEndian = (header.view.getUint32(4, true) & 0xffff) !== 0;
  const version = await header.u32();
  if (version === 2 || version === 3) return version;
  const fact = `has version ${version}, only 2 and 3 are read`;
  throw new QuantscopeError('VERSION_UNSUPPORTED', `${name}: the GGUF file ${fact}`);
}

/** Row-major like everything in GGUF; only the bytes inside numbers and blocks are in the other order. */
function bigEndianStorage({ dtype, shape, file, offset, bytes }: StoredTensor): StridedStorage {
  const strides: number[] = [];
  let stride = 1;
  for (const dimension of shape.toReversed()) {
    strides.unshift(stride);
    stride *= dimension;
  }
  return { kind: 'strided', extent: { file, offset, bytes }, dtype, bigEndian: true, start: 0, shape, strides };
}

function readAlignment(name: string, keyValues: readonly GgufKeyValue[]): number {
  const found = keyValues.find((keyValue) => keyValue.key === 'general.alignment');
  if (found === undefined) return DEFAULT_ALIGNMENT;
  const value = found.type === 'u32' ? Number(found.value) : 0;
  if (value > 0 && (value & (value - 1)) === 0 && value <= MAX_GGUF_ALIGNMENT) return value;
  const shown = found.type === 'u32' ? String(value) : `a value of type ${found.type}`;
  const limit = `a power of two up to ${MAX_GGUF_ALIGNMENT} is needed`;
  throw new QuantscopeError('HEADER_INVALID', `${name}: general.alignment is ${shown}, ${limit}`);
}

function trailingBytes(name: string, end: number, sizeBytes: number, alignment: number): string[] {
  const extra = sizeBytes - end;
  return extra >= 2 * alignment ? [`${name}: ${extra} bytes after the last tensor belong to none`] : [];
}

function longNames(name: string, tensors: readonly StoredTensor[]): string[] {
  const long = tensors.find((tensor) => Buffer.byteLength(tensor.name) >= GGML_MAX_NAME_BYTES);
  if (long === undefined) return [];
  return [`${name}: tensor names of ${GGML_MAX_NAME_BYTES} bytes and more, which llama.cpp refuses`];
}

// One legacy importance matrix (llama.cpp tools/imatrix `save_imatrix_legacy`, `load_imatrix_legacy`), little endian:
//
//   i32 entries | per entry: i32 name length, name, i32 calls, i32 values, f32 values[] | i32 chunks | i32 length, dataset
//
// A stored value is the mean square of an input times `calls`. What follows the entries is missing in older files.

import { createHash, type Hash } from 'node:crypto';
import { QuantscopeError } from '../../base/errors.ts';
import { MAX_NAME_BYTES, MAX_TENSORS } from '../../base/limits.ts';
import { type ByteSource, openByteSource } from '../../io/byteSource.ts';
import type { ReadCheckpoint, StoredTensor } from '../format.ts';
import type { ImatrixDetails } from '../imatrixDetails.ts';
import { decodeName, limitName, quoteName } from '../tensorName.ts';

/** An entry with a name of one byte and one value. */
const MIN_ENTRY_BYTES = 17;
/** Longest path of a calibration text that is kept. */
const MAX_DATASET_BYTES = 4096;

/** Structure in place of a magic number: some entries, the first with a printable name that is followed by its numbers. */
export function looksLikeImatrix(head: Uint8Array, sizeBytes: number): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 4 + MIN_ENTRY_BYTES) return false;
  const entries = view.getInt32(0, true);
  const length = view.getInt32(4, true);
  if (entries < 1 || entries * MIN_ENTRY_BYTES > sizeBytes || length < 1 || 8 + length + 8 > head.length) return false;
  if (!head.subarray(8, 8 + length).every((byte) => byte > 0x20 && byte < 0x7f)) return false;
  const calls = view.getInt32(8 + length, true);
  const values = view.getInt32(12 + length, true);
  return calls >= 0 && values >= 1 && 16 + length + 4 * values <= sizeBytes;
}

/** @throws COUNT_LIMIT, NAME_INVALID, DUPLICATE_NAME, HEADER_INVALID, HEADER_TRUNCATED, TENSOR_OVERRUN, FILE_* */
export async function readImatrixFile(path: string, signal: AbortSignal | undefined): Promise<ReadCheckpoint> {
  await using source = await openByteSource(path, signal);
  const { name, sizeBytes, modifiedMs } = source;
  const walk: Walk = { source, digest: createHash('sha256'), at: 0, window: new Uint8Array(0), windowAt: 0 };
  const count = await takeI32(walk, 'the number of entries');
  if (count < 1 || count > MAX_TENSORS || count * MIN_ENTRY_BYTES > sizeBytes) {
    const fact = `${count} entries claimed, limit ${MAX_TENSORS} and what ${sizeBytes} bytes can hold`;
    throw new QuantscopeError('COUNT_LIMIT', `${name}: ${fact}`);
  }
  const tensors: StoredTensor[] = [];
  const names = new Set<string>();
  for (let index = 0; index < count; index++) {
    const tensor = await readEntry(walk, index);
    names.add(tensor.name);
    if (names.size === index)
      throw new QuantscopeError('DUPLICATE_NAME', `${name}: entry ${quoteName(tensor.name)} appears twice`);
    tensors.push(tensor);
  }
  const imatrix = await readTail(walk);
  return {
    files: [{ path, sizeBytes, modifiedMs }],
    headerDigests: [walk.digest.digest()],
    metadata: {},
    tensors,
    warnings: trailing(walk),
    bytesRead: source.bytesRead,
    imatrix,
  };
}

interface Walk {
  readonly source: ByteSource;
  readonly digest: Hash;
  /** Position in the file. */
  at: number;
  /** The last bytes fetched, and where they begin. */
  window: Uint8Array<ArrayBuffer>;
  windowAt: number;
}

/** Entries lie as far apart as their values are many: little is fetched at each, and more where they are close together. */
const SMALL_WINDOW_BYTES = 256;
const LARGE_WINDOW_BYTES = 1 << 16;

/** `length` bytes from the position on, which moves past them. @throws HEADER_TRUNCATED */
async function take(walk: Walk, length: number, what: string): Promise<Uint8Array<ArrayBuffer>> {
  const { source, at } = walk;
  const { name, sizeBytes } = source;
  if (at + length > sizeBytes)
    throw new QuantscopeError(
      'HEADER_TRUNCATED',
      `${name}: ${what} ends at byte ${at + length}, the file at ${sizeBytes}`,
    );
  const end = walk.windowAt + walk.window.length;
  if (at + length > end) {
    const next =
      at - end < SMALL_WINDOW_BYTES ? Math.min(2 * walk.window.length, LARGE_WINDOW_BYTES) : SMALL_WINDOW_BYTES;
    const size = Math.min(Math.max(next, SMALL_WINDOW_BYTES, length), sizeBytes - at);
    walk.window = await source.read(at, size);
    walk.windowAt = at;
  }
  const bytes = walk.window.subarray(at - walk.windowAt, at - walk.windowAt + length);
  walk.digest.update(bytes);
  walk.at += length;
  return bytes;
}

async function takeI32(walk: Walk, what: string): Promise<number> {
  const bytes = await take(walk, 4, what);
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
}

async function readEntry(walk: Walk, index: number): Promise<StoredTensor> {
  const { name: file, sizeBytes } = walk.source;
  const where = (): string => `${file}: the name of entry ${index}`;
  const length = await takeI32(walk, `entry ${index}`);
  if (length < 0) throw new QuantscopeError('NAME_INVALID', `${where()} has ${length} bytes`);
  limitName(length, MAX_NAME_BYTES, where);
  const name = decodeName(await take(walk, length, `the name of entry ${index}`), where);
  const calls = await takeI32(walk, `entry ${quoteName(name)}`);
  const values = await takeI32(walk, `entry ${quoteName(name)}`);
  if (values < 1) throw new QuantscopeError('SHAPE_INVALID', `${file}: entry ${quoteName(name)} has ${values} values`);
  const offset = walk.at;
  const bytes = 4 * values;
  if (offset + bytes > sizeBytes) {
    const fact = `entry ${quoteName(name)} ends at byte ${offset + bytes}, the file at ${sizeBytes}`;
    throw new QuantscopeError('TENSOR_OVERRUN', `${file}: ${fact}`);
  }
  walk.at += bytes;
  const shape = [1, values];
  return {
    name,
    dtype: 'F32',
    shape,
    elements: values,
    bytes,
    file: 0,
    offset,
    storage: {
      kind: 'strided',
      extent: { file: 0, offset, bytes },
      dtype: 'F32',
      start: 0,
      shape,
      strides: [values, 1],
      // Values of no calls are taken as they are.
      counts: { kind: 'inline', rows: 1, columns: 1, values: Float32Array.of(Math.max(calls, 1)) },
    },
  };
}

async function readTail(walk: Walk): Promise<ImatrixDetails> {
  const left = (): number => walk.source.sizeBytes - walk.at;
  const chunks = left() >= 4 ? await takeI32(walk, 'the number of chunks') : null;
  const datasets: string[] = [];
  if (left() >= 4) {
    const length = await takeI32(walk, 'the length of the data set');
    // The reference reads it if it is there, and never fails for it.
    if (length > 0 && length <= Math.min(left(), MAX_DATASET_BYTES))
      datasets.push(Buffer.from(await take(walk, length, 'the data set')).toString('utf8'));
  }
  return { datasets, chunks, chunkTokens: null };
}

function trailing({ source, at }: Walk): string[] {
  const extra = source.sizeBytes - at;
  return extra === 0 ? [] : [`${source.name}: ${extra} bytes after the importance matrix belong to none of it`];
}

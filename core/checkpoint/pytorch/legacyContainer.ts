// torch.save before 1.6: pickles one after the other (magic number, protocol, system, object, keys), then the storages.

import { QuantscopeError } from '../../base/errors.ts';
import type { ByteSource } from '../../io/byteSource.ts';
import { quoteName } from '../tensorName.ts';
import { type Container, resolvePersistentId, type StorageExtent, storageKey } from './container.ts';
import type { GlobalLog } from './globalLog.ts';
import { PickleStream } from './pickleStream.ts';
import { isSequence, kindOf, type PickleStorage, type PickleValue } from './pickleValue.ts';
import { bytesPerElement, storageType } from './storageTypes.ts';

/** torch/serialization.py MAGIC_NUMBER and PROTOCOL_VERSION. */
const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;
/** The magic number as LONG1 (protocol 2 on) and as LONG (protocols 0 and 1), within the first bytes of a file. */
const MAGIC_BYTES = Buffer.from('8a0a6cfc9c46f9206aa85019', 'hex');
const MAGIC_TEXT = Buffer.from(`L${MAGIC_NUMBER}L\n`, 'latin1');
/** PROTO and FRAME come before it. */
const MAGIC_WITHIN_BYTES = 32;

export function beginsWithMagic(head: Uint8Array): boolean {
  const begin = Buffer.from(head.subarray(0, MAGIC_WITHIN_BYTES));
  return begin.includes(MAGIC_BYTES) || begin.includes(MAGIC_TEXT);
}

/**
 * A legacy stream, or a pickle that is none of PyTorch's: it has no storages, but names that one may want to know of.
 *
 * @param file number of the file in the checkpoint
 * @throws VERSION_UNSUPPORTED, HEADER_INVALID, FILE_TRUNCATED and what unpickle throws
 */
export async function readLegacyContainer(source: ByteSource, file: number, globals: GlobalLog): Promise<Container> {
  const { name, sizeBytes } = source;
  const storages = new Map<string, PickleStorage>();
  const persistent = (id: PickleValue, fail: (fact: string) => never): PickleValue => {
    const value = resolvePersistentId(id, '', fail);
    // Tensors may see a storage by several classes; the first one tells the size of its elements.
    if (kindOf(value) === 'storage') {
      const storage = value as PickleStorage;
      if (!storages.has(storage.key)) storages.set(storage.key, storage);
    }
    return value;
  };
  const stream = new PickleStream(
    source,
    { file: name, entry: null, begin: 0, end: sizeBytes },
    { globals, persistent },
  );
  let root = await stream.pickle();
  let places: ReadonlyMap<string, StorageExtent> = new Map();
  if (root === MAGIC_NUMBER) {
    const version = await stream.pickle();
    if (version !== PROTOCOL_VERSION) {
      throw new QuantscopeError('VERSION_UNSUPPORTED', `${name}: legacy format ${shown(version)}, known is 1001`);
    }
    // Byte order and type sizes of the machine that wrote it: the storages are little-endian on all of them.
    await stream.pickle();
    root = await stream.pickle();
    places = await readStorages(stream, name, file, storages);
  }
  return {
    root,
    constants: null,
    headerBytes: stream.pickleBytes,
    headerDigest: stream.digest(),
    locate: async () => places,
  };
}

/** A list of keys; then, in its order, each storage: i64 number of elements, elements. */
async function readStorages(
  stream: PickleStream,
  name: string,
  file: number,
  storages: ReadonlyMap<string, PickleStorage>,
): Promise<Map<string, StorageExtent>> {
  const keys = await stream.pickle();
  const fail = (fact: string): never => {
    throw new QuantscopeError('HEADER_INVALID', `${name}: ${fact}`);
  };
  if (!isSequence(keys)) return fail('the keys of the storages are no list');
  const places = new Map<string, StorageExtent>();
  for (const item of keys.items) {
    const key = storageKey(item, fail);
    const storage = storages.get(key);
    if (storage === undefined) return fail(`no tensor refers to storage ${quoteName(key)}, so its size is unknown`);
    if (places.has(key)) return fail(`storage ${quoteName(key)} is listed twice`);
    places.set(key, await readStorage(stream, file, storage));
  }
  return places;
}

/** i64 number of elements, elements. Shared with the tar format. @throws DTYPE_UNKNOWN, FILE_TRUNCATED */
export async function readStorage(
  stream: PickleStream,
  file: number,
  { key, type }: Pick<PickleStorage, 'key' | 'type'>,
): Promise<StorageExtent> {
  const known = storageType(type);
  if (known === undefined)
    throw new QuantscopeError('DTYPE_UNKNOWN', `${stream.name}: elements of a ${type} are unknown`);
  const elements = await stream.count(`the number of elements of storage ${quoteName(key)}`);
  const offset = stream.at;
  const bytes = elements * bytesPerElement(known.dtype);
  stream.skip(bytes, () => `storage ${quoteName(key)} with ${elements} elements`);
  return { extent: { file, offset, bytes }, bigEndian: false };
}

function shown(value: PickleValue): string {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : 'without a number';
}

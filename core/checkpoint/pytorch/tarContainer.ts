// torch.save before 0.1.10: a tar archive with the entries storages, tensors and pickle (`legacy_load` of PyTorch).

import { QuantscopeError } from '../../base/errors.ts';
import { MAX_TENSOR_RANK, MAX_TENSORS } from '../../base/limits.ts';
import type { ByteSource } from '../../io/byteSource.ts';
import { readTarDirectory, type TarEntry } from '../../io/tar.ts';
import { quoteName } from '../tensorName.ts';
import { type Container, resolvePersistentId, type StorageExtent, storageKey } from './container.ts';
import type { GlobalLog } from './globalLog.ts';
import { readStorage } from './legacyContainer.ts';
import { PickleStream } from './pickleStream.ts';
import {
  isGlobal,
  isSequence,
  isTuple,
  type PickleStorage,
  type PickleTensor,
  type PickleValue,
} from './pickleValue.ts';
import { bytesPerElement, isStorageClass, storageType } from './storageTypes.ts';

/** True when the archive is such a checkpoint. */
export function isTarCheckpoint(entries: readonly TarEntry[]): boolean {
  const names = new Set(entries.map(({ name }) => name));
  return names.has('pickle') && names.has('storages');
}

/** @param file number of the file in the checkpoint. @throws FORMAT_UNKNOWN, HEADER_INVALID and what unpickle throws */
export async function readTarContainer(source: ByteSource, file: number, globals: GlobalLog): Promise<Container> {
  const entries = await readTarDirectory(source);
  const archive = new TarArchive(source, file, globals, entries);
  const storages = await archive.storages();
  await archive.tensors(storages);
  const pickle = archive.stream('pickle');
  const root = (await pickle?.pickle()) ?? null;
  return {
    root,
    constants: null,
    headerBytes: archive.headerBytes,
    headerDigest: pickle?.digest() ?? new Uint8Array(0),
    locate: async () => storages.places,
  };
}

interface TarStorages {
  readonly byKey: Map<string, PickleStorage>;
  readonly places: Map<string, StorageExtent>;
}

class TarArchive {
  readonly #source: ByteSource;
  readonly #file: number;
  readonly #globals: GlobalLog;
  readonly #entries: ReadonlyMap<string, TarEntry>;
  readonly #streams: PickleStream[] = [];
  /** Storages and tensors by the numbers that persistent ids are. */
  readonly #objects = new Map<string, PickleStorage | PickleTensor>();

  constructor(source: ByteSource, file: number, globals: GlobalLog, entries: readonly TarEntry[]) {
    this.#source = source;
    this.#file = file;
    this.#globals = globals;
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
  }

  get headerBytes(): number {
    return this.#streams.reduce((total, stream) => total + stream.pickleBytes, 0);
  }

  stream(name: string): PickleStream | null {
    const entry = this.#entries.get(name);
    if (entry === undefined) return null;
    const range = { file: this.#source.name, entry: name, begin: entry.offset, end: entry.offset + entry.bytes };
    const persistent = (id: PickleValue, fail: (fact: string) => never) => this.#persistent(id, fail);
    const stream = new PickleStream(this.#source, range, { globals: this.#globals, persistent });
    this.#streams.push(stream);
    return stream;
  }

  /** Count; then each (key, location, class), i64 number of elements, elements; then the views of storages. */
  async storages(): Promise<TarStorages> {
    const found: TarStorages = { byKey: new Map(), places: new Map() };
    const stream = this.stream('storages');
    if (stream === null || !this.#entries.has('pickle')) {
      const fact = 'the tar archive lacks the entries pickle and storages of a PyTorch checkpoint';
      throw new QuantscopeError('FORMAT_UNKNOWN', `${this.#source.name}: ${fact}`);
    }
    for (let left = await this.#count(stream); left > 0; left--) {
      const [id, , type] = await this.#tuple(stream);
      if (!isGlobal(type) || !isStorageClass(type)) this.#fail('a storage has no class');
      const key = this.#key(id);
      if (found.places.has(key)) this.#fail(`storage ${quoteName(key)} is listed twice`);
      const place = await readStorage(stream, this.#file, { key, type: type.name });
      const elements = place.extent.bytes / bytesPerElement(storageType(type.name)?.dtype);
      const storage: PickleStorage = { kind: 'storage', key, type: type.name, elements };
      found.places.set(key, place);
      found.byKey.set(key, storage);
      this.#objects.set(key, storage);
    }
    if (!stream.isAtEnd) this.#views(await stream.pickle(), found);
    return found;
  }

  /** (key, key of the storage, first element, elements). */
  #views(views: PickleValue, { byKey }: TarStorages): void {
    if (!isSequence(views)) this.#fail('the views of storages are no list');
    for (const view of views.items) {
      const [key, root, offset, elements] = isSequence(view) ? view.items : [];
      const storage = byKey.get(this.#key(root));
      const fits = typeof offset === 'number' && typeof elements === 'number' && offset >= 0 && elements >= 0;
      if (storage === undefined || !fits || offset + elements > storage.elements) {
        this.#fail('a view reaches beyond its storage');
      }
      this.#objects.set(this.#key(key), { ...storage, view: { offset, elements } });
    }
  }

  /** Count; then each (key, key of the storage, class), i32 dimensions, 4 bytes, i64 shape, i64 strides, i64 start. */
  async tensors({ byKey }: TarStorages): Promise<void> {
    const stream = this.stream('tensors');
    if (stream === null) return;
    for (let left = await this.#count(stream); left > 0; left--) {
      const [key, id] = await this.#tuple(stream);
      const object = this.#objects.get(this.#key(id));
      const storage = object?.kind === 'storage' ? object : byKey.get(this.#key(id));
      if (storage === undefined) this.#fail(`a tensor lies in storage ${this.#key(id)}, which is not there`);
      const dimensions = (await stream.take(8)).getInt32(0, true);
      if (dimensions < 0 || dimensions > MAX_TENSOR_RANK) {
        const fact = `a tensor has ${dimensions} dimensions, limit ${MAX_TENSOR_RANK}`;
        throw new QuantscopeError('SHAPE_INVALID', `${this.#source.name}: ${fact}`);
      }
      const numbers: number[] = [];
      for (let at = 0; at <= 2 * dimensions; at++) numbers.push(await stream.count('a size of a tensor'));
      this.#objects.set(this.#key(key), {
        kind: 'tensor',
        storage,
        dtype: storageType(storage.type)?.dtype ?? null,
        dtypeName: storage.type,
        shape: numbers.slice(0, dimensions),
        strides: numbers.slice(dimensions, 2 * dimensions),
        start: numbers[2 * dimensions] ?? 0,
      });
    }
  }

  /** The number of a tensor or storage; or, for classes saved with their source, (class, file, source). */
  #persistent(id: PickleValue, fail: (fact: string) => never): PickleValue {
    if (isTuple(id)) return isGlobal(id.items[0]) ? id.items[0] : resolvePersistentId(id, '', fail);
    const key = storageKey(id, fail);
    return this.#objects.get(key) ?? fail(`nothing has the persistent id ${quoteName(key)}`);
  }

  async #count(stream: PickleStream): Promise<number> {
    const count = await stream.pickle();
    if (typeof count === 'number' && count >= 0 && count <= MAX_TENSORS) return count;
    throw new QuantscopeError('COUNT_LIMIT', `${this.#source.name}: a list is longer than ${MAX_TENSORS}, or no list`);
  }

  async #tuple(stream: PickleStream): Promise<readonly PickleValue[]> {
    const value = await stream.pickle();
    return isTuple(value) ? value.items : this.#fail('a storage or tensor is described by no tuple');
  }

  #key(value: PickleValue | undefined): string {
    return storageKey(value, (fact) => this.#fail(fact));
  }

  #fail(fact: string): never {
    throw new QuantscopeError('HEADER_INVALID', `${this.#source.name}: ${fact}`);
  }
}

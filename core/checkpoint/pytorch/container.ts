// What every container of PyTorch checkpoints gives: values of pickles, and where the storages they name lie.

import type { Extent } from '../../tensor/storage.ts';
import { globalPath, isGlobal, isTuple, type PickleStorage, type PickleValue } from './pickleValue.ts';
import { isStorageClass } from './storageTypes.ts';

/** Where a storage's bytes lie. */
export interface StorageExtent {
  readonly extent: Extent;
  readonly bigEndian: boolean;
}

export interface Container {
  readonly root: PickleValue;
  /** Tensors of TorchScript's code, beside those of its modules. */
  readonly constants: PickleValue;
  /** Bytes of all pickles. */
  readonly headerBytes: number;
  readonly headerDigest: Uint8Array;
  /** Where the storages lie; keys of storages the file does not hold are left out. */
  locate(keys: ReadonlySet<string>): Promise<ReadonlyMap<string, StorageExtent>>;
}

/**
 * A persistent id ("storage", class, key, location, elements), in legacy files with (view key, first element, elements)
 * behind it; or ("module", class, source file, source), which stands for the class (torch/serialization.py).
 *
 * @param prefix put before the key
 */
export function resolvePersistentId(id: PickleValue, prefix: string, fail: (fact: string) => never): PickleValue {
  if (!isTuple(id)) return fail('a persistent id is no tuple');
  const [kind, type, key, , elements, view] = id.items;
  if (kind === 'module') return type ?? null;
  if (kind !== 'storage') return fail('a persistent id names neither a storage nor a module');
  if (!isGlobal(type) || !isStorageClass(type)) return fail('a storage has no class of storages');
  if (typeof elements !== 'number' || !Number.isSafeInteger(elements) || elements < 0) {
    return fail(`a ${globalPath(type)} has no valid number of elements`);
  }
  const storage: PickleStorage = { kind: 'storage', key: prefix + storageKey(key, fail), type: type.name, elements };
  if (view === undefined || view === null) return storage;
  const [, offset, viewElements] = isTuple(view) ? view.items : [];
  const fits = isCount(offset) && isCount(viewElements) && offset + viewElements <= elements;
  if (!fits) return fail(`a view of storage ${storage.key} reaches beyond its ${elements} elements`);
  return { ...storage, view: { offset, elements: viewElements } };
}

export function storageKey(key: PickleValue | undefined, fail: (fact: string) => never): string {
  if (typeof key === 'string') return key;
  return typeof key === 'number' || typeof key === 'bigint' ? String(key) : fail('a storage has no key');
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

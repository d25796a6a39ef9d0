// The very bytes of a tensor's elements, row-major and little-endian: what copying it and comparing copies needs.

import { QuantscopeError } from '../base/errors.ts';
import { readInto } from '../io/fileReader.ts';
import { storedBytes } from '../tensor/dtype.ts';
import type { TensorSource } from '../tensor/storage.ts';
import { gatherStrided } from './strided.ts';

/** Whether the elements are stored as such: packed codes and sums to be divided only give them by arithmetic. */
export function hasStoredBytes({ storage }: Pick<TensorSource, 'storage'>): boolean {
  return storage === undefined || (storage.kind === 'strided' && storage.counts === undefined);
}

/**
 * Fills `out` with elements `first` … `first + count`, both whole numbers of the dtype's blocks.
 *
 * @param out aligned to 4 bytes, `storedBytes(dtype, count)` long
 * @throws FILE_TRUNCATED, PACKING_INVALID, and what reading throws
 */
export function readStoredBytes(source: TensorSource, first: number, count: number, out: Uint8Array): void {
  const { storage, dtype, path, offset } = source;
  if (storage === undefined) readInto(path, offset + storedBytes(dtype, first), out);
  else if (storage.kind === 'strided') gatherStrided(storage, source.files ?? {}, first, count, out);
  else throw new QuantscopeError('INTERNAL', `${storage.kind} tensors have no bytes to copy`);
}

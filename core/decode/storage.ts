// Elements of tensors that do not simply lie one after the other: picks the way by the kind of storage.

import type { Kernels } from '../kernels/wasm.ts';
import type { TensorSource } from '../tensor/storage.ts';
import { divideByCounts } from './counts.ts';
import { loadPacked } from './packed.ts';
import { loadStrided } from './strided.ts';

/**
 * Writes `count` float32 from element `first` on to `dst` (4-byte aligned).
 * @throws FILE_TRUNCATED, ARCHIVE_INVALID for a broken DEFLATE stream, and what reading throws
 */
export function loadStorage(kernels: Kernels, source: TensorSource, first: number, count: number, dst: number): void {
  const { storage } = source;
  const files = source.files ?? {};
  if (storage?.kind === 'packed') loadPacked(kernels, storage, files, first, count, dst);
  else if (storage?.kind === 'strided') {
    loadStrided(kernels, storage, files, first, count, dst);
    divideByCounts(kernels, storage, files, first, count, dst);
  }
  if (storage?.kind === 'inline') kernels.arena.f32(dst, count).set(storage.values.subarray(first, first + count));
}

// A window of a described tensor in one go, where its rows are those of its description.

import type { Kernels } from '../kernels/wasm.ts';
import type { TensorSource } from '../tensor/storage.ts';
import { loadPackedWindow } from './packed.ts';
import type { Rect } from './rect.ts';
import { loadStridedWindow } from './strided.ts';

/**
 * Writes the window's float32, row-major, to `dst`.
 *
 * @returns false, nothing written, when the window must be taken row by row
 */
export function loadWindow(kernels: Kernels, source: TensorSource, rect: Rect, dst: number): boolean {
  const { storage, columns } = source;
  const files = source.files ?? {};
  if (storage?.kind === 'strided') return loadStridedWindow(kernels, storage, files, rect, dst);
  if (storage?.kind !== 'packed' || storage.columns !== columns) return false;
  loadPackedWindow(kernels, storage, files, rect, dst);
  return true;
}

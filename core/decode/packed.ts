// Placeholder while this way is being built.

import { QuantscopeError } from '../base/errors.ts';
import type { Kernels } from '../kernels/wasm.ts';
import type { PackedStorage } from '../tensor/storage.ts';

export function loadPacked(
  _kernels: Kernels,
  storage: PackedStorage,
  _files: Readonly<Record<number, string>>,
  _first: number,
  _count: number,
  _dst: number,
): void {
  throw new QuantscopeError('INTERNAL', `${storage.kind} tensors cannot be decoded yet`);
}

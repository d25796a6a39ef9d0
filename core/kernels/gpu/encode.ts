// float32 rows → the bytes of a GGUF type on the GPU: the types whose bytes equal the processor's.

import { QuantscopeError } from '../../base/errors.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { Gpu } from './device.ts';
import { runPackKernel } from './packing.ts';
import { ROUND_TO_NEAREST } from './roundToNearest.ts';

/** @param weighted whether importance weights are given */
export function canGpuEncode(type: DType, weighted: boolean): boolean {
  // ggml has nothing to weight in Q8_0.
  return ROUND_TO_NEAREST[type] !== undefined && (!weighted || type === 'Q8_0');
}

/**
 * As `encodeFromF32` without weights, byte for byte.
 * @param values  rows · columns, finite
 * @throws DEVICE_LOST, MEMORY_LIMIT
 */
export function gpuEncode(gpu: Gpu, type: DType, values: Float32Array, columns: number): Promise<Uint8Array> {
  const kernel = ROUND_TO_NEAREST[type];
  if (kernel === undefined) throw new QuantscopeError('TYPE_UNKNOWN', `${type}: no GPU kernel writes it`);
  return runPackKernel(gpu, kernel, values, columns, null);
}

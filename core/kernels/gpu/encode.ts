// float32 rows → the bytes of a GGUF type on the GPU: the types whose bytes equal the processor's.

import { QuantscopeError } from '../../base/errors.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { Gpu } from './device.ts';
import { K_QUANTS } from './kQuants.ts';
import { type PackKernel, runPackKernel } from './packing.ts';
import { ROUND_TO_NEAREST } from './roundToNearest.ts';

const KERNELS: Partial<Record<DType, PackKernel>> = { ...ROUND_TO_NEAREST, ...K_QUANTS };

/** @param weighted whether importance weights are given */
export function canGpuEncode(type: DType, weighted: boolean): boolean {
  if (K_QUANTS[type] !== undefined) return true;
  // ggml has nothing to weight in Q8_0.
  return ROUND_TO_NEAREST[type] !== undefined && (!weighted || type === 'Q8_0');
}

/**
 * As `encodeFromF32`, byte for byte.
 * @param values  rows · columns, finite
 * @param weights one per column, or null
 * @throws DEVICE_LOST, MEMORY_LIMIT
 */
export function gpuEncode(
  gpu: Gpu,
  type: DType,
  values: Float32Array,
  columns: number,
  weights: Float32Array | null = null,
): Promise<Uint8Array> {
  const kernel = canGpuEncode(type, weights !== null) ? KERNELS[type] : undefined;
  if (kernel === undefined) throw new QuantscopeError('TYPE_UNKNOWN', `${type}: no GPU kernel writes it`);
  return runPackKernel(gpu, kernel, values, columns, weights);
}

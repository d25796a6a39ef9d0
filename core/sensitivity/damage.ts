// From measured errors to rows: one damage per asked type, equal stored types sharing one measurement.

import { matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import type { Damage } from '../protocol/objects.ts';
import { type GgufTarget, storedType, targetBytes } from '../quant/ggufTypes.ts';

/** ‖W − Ŵ‖² / ‖W‖² by stored type. NaN where the weights are not finite. */
export type RelativeErrors = ReadonlyMap<GgufTarget, number>;

/** Types to encode for a tensor: distinct stored ones, without its own dtype, which the exporter copies. */
export function typesToMeasure(
  tensor: Pick<TensorInfo, 'shape' | 'elements' | 'dtype'>,
  types: readonly GgufTarget[],
): GgufTarget[] {
  const { columns } = matrixShape(tensor);
  const stored = new Set(types.map((type) => storedType(type, columns)));
  return [...stored].filter((type) => type !== tensor.dtype);
}

export function damagesOf(
  tensor: Pick<TensorInfo, 'shape' | 'elements' | 'dtype'>,
  types: readonly GgufTarget[],
  errors: RelativeErrors,
): Damage[] {
  const { rows, columns } = matrixShape(tensor);
  return types.map((type) => {
    const stored = storedType(type, columns);
    const relativeError = errors.get(stored) ?? Number.NaN;
    return { type, stored, bytes: targetBytes(stored, rows, columns), relativeError, sqnr: sqnr(relativeError) };
  });
}

/** An all-zero tensor that stays zero is undamaged; one that does not is lost. */
export function relativeError(noise: number, signal: number): number {
  if (Number.isNaN(signal)) return Number.NaN;
  if (noise === 0) return 0;
  return noise / signal;
}

/** 10 · log₁₀(1 / error), dB; +∞ for an exact copy. */
export function sqnr(error: number): number {
  return error === 0 ? Number.POSITIVE_INFINITY : -10 * Math.log10(error);
}

// The one change every score looks at: a tensor quantized alone, to a type coarse enough to be felt.

import { matrixShape, type TensorInfo } from '../checkpoint/checkpoint.ts';
import { type GgufTarget, isQuantizable, storedType } from '../quant/ggufTypes.ts';
import { type RoundTrip, type RoundTripSource, roundTrip } from './roundTrip.ts';

/**
 * Q3_K is coarse enough to stand out of float32's noise on a few thousand tokens, fine enough to be a small error. A
 * tensor already stored so takes the next: what a type leaves of its own grid says nothing.
 */
const PROBES: readonly GgufTarget[] = ['Q3_K', 'Q2_K', 'IQ4_NL'];

export interface Probe extends RoundTrip {
  readonly tensor: TensorInfo;
  readonly type: GgufTarget;
}

/** The type really stored; null for tensors no plan quantizes. */
export function probeType(tensor: TensorInfo | null): GgufTarget | null {
  if (tensor === null || !isQuantizable(tensor)) return null;
  const { columns } = matrixShape(tensor);
  const stored = PROBES.map((type) => storedType(type, columns));
  return stored.find((type) => type !== tensor.dtype) ?? stored[0] ?? null;
}

/** @throws RangeError for tensors without a probe type, and what `roundTrip` throws */
export async function probeOf(
  source: RoundTripSource,
  tensor: TensorInfo,
  signal: AbortSignal | undefined,
): Promise<Probe> {
  const type = probeType(tensor);
  if (type === null) throw new RangeError(`${tensor.name} is not quantizable`);
  return { tensor, type, ...(await roundTrip(source, tensor, type, signal)) };
}

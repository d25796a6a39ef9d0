// How a quantized tensor's codes become values: the parameters of torch._utils._rebuild_qtensor.

import { isGlobal, isSequence, isTensor, type PickleValue, type Quantizer } from './pickleValue.ts';

/** (scheme, scale, zero) or (scheme, scales, zeros, axis); null when they are neither. */
export function quantizerOf(parameters: PickleValue): Quantizer | null {
  if (!isSequence(parameters)) return null;
  const [scheme, scale, zero, axis] = parameters.items;
  if (!isGlobal(scheme)) return null;
  if (scheme.name === 'per_tensor_affine') {
    return typeof scale === 'number' && typeof zero === 'number' ? { scale, zero } : null;
  }
  const isPerChannel = scheme.name === 'per_channel_affine' || scheme.name === 'per_channel_affine_float_qparams';
  if (!isPerChannel || typeof axis !== 'number' || !isTensor(scale) || !isTensor(zero)) return null;
  return { scales: scale, zeros: zero, axis };
}

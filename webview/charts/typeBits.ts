// Nominal bits per weight of the target types (ggml-common.h block sizes), for legends and colours.

import type * as z from 'zod';
import type { zTarget } from '../../core/protocol/objects.ts';
import { rampColor } from './colorScale.ts';

type Target = z.infer<typeof zTarget>;

export const TYPE_BITS: Readonly<Record<Target, number>> = {
  Q2_K: 2.625,
  Q3_K: 3.4375,
  IQ4_XS: 4.25,
  Q4_0: 4.5,
  IQ4_NL: 4.5,
  Q4_K: 4.5,
  Q4_1: 5,
  Q5_0: 5.5,
  Q5_K: 5.5,
  Q5_1: 6,
  Q6_K: 6.5625,
  Q8_0: 8.5,
  BF16: 16,
  F16: 16,
  F32: 32,
};

const LEAST_BITS = 1.5;
const MOST_BITS = 32;
/** Most types lie between 2 and 8.5 bits: they get nearly the whole ramp, floats its end. */
const MOST_QUANTIZED_BITS = 8.5;
const QUANTIZED_SHARE = 0.86;

/** One ramp for every place that shows bits: more bits, lighter. */
export function bitsColor(bits: number): string {
  return rampColor('viridis', bitsPosition(bits));
}

export function bitsPosition(bits: number): number {
  if (bits <= MOST_QUANTIZED_BITS)
    return Math.max(0, (QUANTIZED_SHARE * (bits - LEAST_BITS)) / (MOST_QUANTIZED_BITS - LEAST_BITS));
  const rest = (bits - MOST_QUANTIZED_BITS) / (MOST_BITS - MOST_QUANTIZED_BITS);
  return Math.min(1, QUANTIZED_SHARE + (1 - QUANTIZED_SHARE) * rest);
}

// The codes a symmetric search kept, x ≈ scale · (code − nmax); results lie as affineFit.ts says.

import { FIT_INVERSE, FIT_SHIFT } from './affineFit';
import { clampedInt } from './nearestInt';

/** In symmetric fits this slot holds the code of the value 0: nmax, or 0 where the whole sub-block counts as zero. */
// @ts-ignore: decorator
@inline export const FIT_ZERO: usize = FIT_SHIFT;

/** Makes the kept codes again: only blocks whose stored scale is 0 still show them. */
export function keptSymmetricCodes(x: usize, n: i32, fit: usize, nmax: i32, codes: usize): void {
  const inverse = load<f32>(fit, FIT_INVERSE);
  const zero = <i32>load<f32>(fit, FIT_ZERO);
  for (let i: usize = 0; i < <usize>n; i++) {
    store<u8>(codes + i, zero + clampedInt(inverse * load<f32>(x + (i << 2)), -nmax, nmax - 1));
  }
}

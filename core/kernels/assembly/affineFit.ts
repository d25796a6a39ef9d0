// Where the affine searches leave their results: arrays of up to 16 floats, one per sub-block of a block of 256.

import { clampedInt, nearestInt } from './nearestInt';

/** Byte distances from a fit's address; sub-block j is 4 j further. */
// @ts-ignore: decorator
@inline export const FIT_SCALE: usize = 0;
/** Minus the fitted minimum, never negative. */
// @ts-ignore: decorator
@inline export const FIT_MIN: usize = 64;
/** Inverse scale and shift that made the kept codes: code = round(inverse · (x − shift)). */
// @ts-ignore: decorator
@inline export const FIT_INVERSE: usize = 128;
// @ts-ignore: decorator
@inline export const FIT_SHIFT: usize = 192;
/** Sum of the weights. */
// @ts-ignore: decorator
@inline export const FIT_WEIGHT: usize = 256;
// @ts-ignore: decorator
@inline export const FIT_BYTES: i32 = 320;

/** A code as the candidates of make_qkx3_quants (`clampFirst`) or make_qkx2_quants compute it. */
// @ts-ignore: decorator
@inline
export function affineCode(v: f32, nmax: i32, clampFirst: bool): i32 {
  if (!clampFirst) return clampedInt(v, 0, nmax);
  return v > 0 ? nearestInt(v < <f32>nmax ? v : <f32>nmax) : 0;
}

/** The codes a search kept, made again: only blocks whose stored scale is 0 still show them. */
export function keptCodes(x: usize, n: i32, fit: usize, nmax: i32, clampFirst: bool, codes: usize): void {
  const inverse = load<f32>(fit, FIT_INVERSE);
  const shift = load<f32>(fit, FIT_SHIFT);
  for (let i: usize = 0; i < <usize>n; i++) {
    store<u8>(codes + i, affineCode(inverse * (load<f32>(x + (i << 2)) - shift), nmax, clampFirst));
  }
}

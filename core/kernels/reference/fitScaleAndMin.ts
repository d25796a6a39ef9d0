// The affine search behind make_qkx2_quants and make_qkx3_quants: x ≈ scale · code + min with min ≤ 0.

import { at } from './at.ts';

const f = Math.fround;

export interface AffineFit {
  readonly scale: number;
  /** Minus the fitted minimum, never negative: what the block formats store. */
  readonly min: number;
  readonly codes: Uint8Array;
}

/** Candidate k tries the inverse scale (rmin + rdelta · k + nmax) / (max − min), k = 0…steps. */
export interface AffineSearch {
  readonly nmax: number;
  readonly rmin: number;
  readonly rdelta: number;
  readonly steps: number;
  /** Judge candidates by weighted absolute instead of squared error. */
  readonly absolute: boolean;
}

/**
 * @param firstCode  code of a scaled value under the initial guess
 * @param code       code of a scaled value under a candidate (already clamped to 0…nmax)
 * Every operation is rounded to float32 in the order of the C source; ties keep the earlier candidate.
 */
export function fitScaleAndMin(
  x: Float32Array,
  weights: Float32Array,
  search: AffineSearch,
  code: (v: number) => number,
  firstCode: (v: number) => number,
): AffineFit {
  const { nmax, steps } = search;
  let min = at(x, 0);
  let max = min;
  let sumW = at(weights, 0);
  let sumX = f(sumW * min);
  for (let i = 1; i < x.length; i++) {
    const v = at(x, i);
    if (v < min) min = v;
    if (v > max) max = v;
    sumW = f(sumW + at(weights, i));
    sumX = f(sumX + f(at(weights, i) * v));
  }
  if (min > 0) min = 0;
  let codes: Uint8Array = new Uint8Array(x.length);
  if (max === min) return { scale: 0, min: -min, codes };

  let inverse = f(nmax / f(max - min));
  let scale = f(1 / inverse);
  codes = x.length === 0 ? codes : Uint8Array.from(x, (v) => firstCode(f(inverse * f(v - min))));
  let best = weightedError(x, weights, codes, scale, min, search.absolute);
  for (let k = 0; k <= steps; k++) {
    inverse = f(f(f(search.rmin + f(search.rdelta * k)) + nmax) / f(max - min));
    const low = min;
    const tried = Uint8Array.from(x, (v) => code(f(inverse * f(v - low))));
    let sumL = 0;
    let sumL2 = 0;
    let sumXL = 0;
    for (let i = 0; i < x.length; i++) {
      const wl = f(at(weights, i) * at(tried, i));
      sumL = f(sumL + wl);
      sumL2 = f(sumL2 + f(wl * at(tried, i)));
      sumXL = f(sumXL + f(wl * at(x, i)));
    }
    const determinant = f(f(sumW * sumL2) - f(sumL * sumL));
    if (!(determinant > 0)) continue;
    let triedScale = f(f(f(sumW * sumXL) - f(sumX * sumL)) / determinant);
    let triedMin = f(f(f(sumL2 * sumX) - f(sumL * sumXL)) / determinant);
    if (triedMin > 0) {
      triedMin = 0;
      triedScale = f(sumXL / sumL2);
    }
    const error = weightedError(x, weights, tried, triedScale, triedMin, search.absolute);
    if (error < best) {
      codes = tried;
      best = error;
      scale = triedScale;
      min = triedMin;
    }
  }
  return { scale, min: -min, codes };
}

function weightedError(
  x: Float32Array,
  weights: Float32Array,
  codes: Uint8Array,
  scale: number,
  min: number,
  absolute: boolean,
): number {
  let error = 0;
  for (let i = 0; i < x.length; i++) {
    const difference = f(f(f(scale * at(codes, i)) + min) - at(x, i));
    const cost = absolute ? Math.abs(difference) : f(difference * difference);
    error = f(error + f(at(weights, i) * cost));
  }
  return error;
}

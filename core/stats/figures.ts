// From sums to the figures shown: what the first look gives, what the second one asks, and the final row.

import { excessKurtosis, type Moments } from '../kernels/moments.ts';
import type { TensorStatistics } from './statisticsTypes.ts';

export const BINS = 256;

/** Sums and range of finite elements, and how many are not finite. */
export interface Look {
  readonly sum: number;
  readonly absSum: number;
  readonly min: number;
  readonly max: number;
  readonly zeros: number;
  readonly nan: number;
  readonly positiveInfinities: number;
  readonly negativeInfinities: number;
}

export const NO_LOOK: Look = {
  sum: 0,
  absSum: 0,
  min: Infinity,
  max: -Infinity,
  zeros: 0,
  nan: 0,
  positiveInfinities: 0,
  negativeInfinities: 0,
};

export function addLooks(a: Look, b: Look): Look {
  return {
    sum: a.sum + b.sum,
    absSum: a.absSum + b.absSum,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
    zeros: a.zeros + b.zeros,
    nan: a.nan + b.nan,
    positiveInfinities: a.positiveInfinities + b.positiveInfinities,
    negativeInfinities: a.negativeInfinities + b.negativeInfinities,
  };
}

/** Everything the second look compares with. */
export interface Limits {
  readonly min: number;
  /** Bins per unit: 256 / (max − min); 0 when all elements are equal. */
  readonly scale: number;
  readonly high3: number;
  readonly low3: number;
  readonly high6: number;
  readonly low6: number;
  /** M · mean|x| for M = 3, 5, 7, 10. */
  readonly multiples: readonly [number, number, number, number];
  readonly hasNonFinite: boolean;
}

/** OwLore, arXiv:2405.18380, eq. 3. */
const MULTIPLES = [3, 5, 7, 10] as const;

export function limitsOf(look: Look, moments: Moments): Limits {
  const { n } = moments;
  const mean = n === 0 ? 0 : meanOf(look, n);
  const sigma = deviation(look, moments);
  const meanAbs = n === 0 ? 0 : look.absSum / n;
  const [a, b, c, d] = MULTIPLES;
  return {
    min: look.min,
    scale: look.max > look.min ? BINS / (look.max - look.min) : 0,
    high3: mean + 3 * sigma,
    low3: mean - 3 * sigma,
    high6: mean + 6 * sigma,
    low6: mean - 6 * sigma,
    multiples: [a * meanAbs, b * meanAbs, c * meanAbs, d * meanAbs],
    hasNonFinite: look.nan + look.positiveInfinities + look.negativeInfinities > 0,
  };
}

/** What the second look found: the histogram, and counts beyond 3σ, 6σ and the four multiples of mean|x|. */
export interface Beyond {
  readonly histogram: Float64Array<ArrayBuffer>;
  readonly beyond: [number, number, number, number, number, number];
}

export function noBeyond(): Beyond {
  return { histogram: new Float64Array(BINS), beyond: [0, 0, 0, 0, 0, 0] };
}

export function addBeyond(into: Beyond, more: Beyond): void {
  for (let i = 0; i < BINS; i++) into.histogram[i] = (into.histogram[i] ?? 0) + (more.histogram[i] ?? 0);
  for (let i = 0; i < 6; i++) into.beyond[i] = (into.beyond[i] ?? 0) + (more.beyond[i] ?? 0);
}

/** Exactly 0 when all elements are equal, whatever the rounding of the sums. */
function deviation(look: Look, { n, m2 }: Moments): number {
  return n === 0 || look.min === look.max ? 0 : Math.sqrt(m2 / n);
}

function meanOf(look: Look, n: number): number {
  return look.min === look.max ? look.min : look.sum / n;
}

/** @param count all elements, finite or not */
export function finishFigures(count: number, look: Look, moments: Moments, found: Beyond): TensorStatistics {
  const { n } = moments;
  const inf = look.positiveInfinities + look.negativeInfinities;
  if (n === 0) {
    return {
      count,
      min: NaN,
      max: NaN,
      mean: NaN,
      std: NaN,
      absMax: NaN,
      rms: NaN,
      kurtosis: NaN,
      maxToMeanRatio: NaN,
      outlierFraction3: NaN,
      outlierFraction6: NaN,
      zeros: 0,
      nan: look.nan,
      inf,
      layerOutlierDistribution: [NaN, NaN, NaN, NaN],
    };
  }
  const mean = meanOf(look, n);
  const std = deviation(look, moments);
  const absMax = Math.max(Math.abs(look.min), Math.abs(look.max));
  const [beyond3, beyond6, m3, m5, m7, m10] = found.beyond;
  return {
    count,
    min: look.min,
    max: look.max,
    mean,
    std,
    absMax,
    rms: Math.sqrt(std * std + mean * mean),
    kurtosis: std === 0 ? NaN : excessKurtosis(n, mean, moments.m2, moments.m4),
    maxToMeanRatio: absMax === 0 ? NaN : absMax / (look.absSum / n),
    outlierFraction3: beyond3 / n,
    outlierFraction6: beyond6 / n,
    zeros: look.zeros,
    nan: look.nan,
    inf,
    layerOutlierDistribution: [m3 / n, m5 / n, m7 / n, m10 / n],
  };
}

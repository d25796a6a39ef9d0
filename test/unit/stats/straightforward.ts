// The figures computed the plain way, in float64 and two passes: what the kernels are compared with.

import type { TensorProfile, TensorStatistics } from '../../../core/stats/statisticsTypes.ts';

export function straightforward(
  values: ArrayLike<number>,
  rows: number,
  columns: number,
): { statistics: TensorStatistics; profile: TensorProfile } {
  const all = Array.from(values);
  const finite = all.filter(Number.isFinite);
  const n = finite.length;
  const mean = compensatedSum(finite) / n;
  const { variance, kurtosis } = spread(finite);
  const std = Math.sqrt(variance);
  const meanAbs = compensatedSum(finite.map(Math.abs)) / n;
  let [min, max] = [Infinity, -Infinity];
  for (const x of finite) {
    min = Math.min(min, x);
    max = Math.max(max, x);
  }
  const absMax = Math.max(-min, max);
  const share = (test: (x: number) => boolean): number => finite.filter(test).length / n;
  const histogram = new Float64Array(256);
  for (const x of finite) {
    // Edges are exact to 2^-44 of a bin.
    const bin = max > min ? Math.min(255, Math.trunc((x - min) * (256 / (max - min)) + 512) - 512) : 0;
    histogram[bin] = (histogram[bin] ?? 0) + 1;
  }
  const channel = (count: number, at: (i: number) => number): { absMax: number; kurtosis: number } => {
    const some = Array.from({ length: count }, (_, i) => all[at(i)] ?? NaN).filter(Number.isFinite);
    return { absMax: some.reduce((a, b) => Math.max(a, Math.abs(b)), 0), kurtosis: spread(some).kurtosis };
  };
  const rowFigures = Array.from({ length: rows }, (_, r) => channel(columns, (i) => r * columns + i));
  const columnFigures = Array.from({ length: columns }, (_, c) => channel(rows, (i) => i * columns + c));
  return {
    statistics: {
      count: all.length,
      min,
      max,
      mean,
      std,
      absMax,
      rms: Math.sqrt(compensatedSum(finite.map((x) => x * x)) / n),
      kurtosis,
      maxToMeanRatio: absMax / meanAbs,
      outlierFraction3: share((x) => Math.abs(x - mean) > 3 * std),
      outlierFraction6: share((x) => Math.abs(x - mean) > 6 * std),
      zeros: finite.filter((x) => x === 0).length,
      nan: all.filter(Number.isNaN).length,
      inf: all.filter((x) => Math.abs(x) === Infinity).length,
      layerOutlierDistribution: [3, 5, 7, 10].map((m) => share((x) => Math.abs(x) > m * meanAbs)) as [
        number,
        number,
        number,
        number,
      ],
    },
    profile: {
      histogram,
      rowAbsMax: Float32Array.from(rowFigures, (f) => f.absMax),
      rowKurtosis: Float32Array.from(rowFigures, (f) => f.kurtosis),
      columnAbsMax: Float32Array.from(columnFigures, (f) => f.absMax),
      columnKurtosis: Float32Array.from(columnFigures, (f) => f.kurtosis),
    },
  };
}

function spread(values: readonly number[]): { variance: number; kurtosis: number } {
  const mean = compensatedSum(values) / values.length;
  const variance = compensatedSum(values.map((x) => (x - mean) ** 2)) / values.length;
  const fourth = compensatedSum(values.map((x) => (x - mean) ** 4)) / values.length;
  const equal = values.every((x) => x === values[0]);
  return { variance: equal ? 0 : variance, kurtosis: equal ? NaN : fourth / variance ** 2 - 3 };
}

/** Neumaier's sum: right to the last digits whatever cancels. */
export function compensatedSum(values: readonly number[]): number {
  let sum = 0;
  let lost = 0;
  for (const x of values) {
    const next = sum + x;
    lost += Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum;
    sum = next;
  }
  return sum + lost;
}

// Exact figures of a narrow dtype from how often each bit pattern occurs: no second look at the data, no rounding.

import { REFERENCE_DECODERS } from '../kernels/decode.ts';
import type { Moments } from '../kernels/moments.ts';
import { type DType, dtypeInfo } from '../tensor/dtype.ts';
import type { TensorSource } from '../tensor/storage.ts';
import type { Beyond, Limits, Look } from './figures.ts';
import { BINS } from './figures.ts';

/** Dtypes worth counting; the others are looked at twice as float32. */
const COUNTED: ReadonlySet<DType> = new Set<DType>([
  'BF16',
  'F16',
  'I16',
  'U16',
  'F8_E4M3',
  'F8_E5M2',
  'F8_E8M0',
  'F8_E4M3FNUZ',
  'F8_E5M2FNUZ',
  'I8',
  'U8',
  'BOOL',
]);

/** Below this, walking 65,536 counters costs more than a second look. */
const FEWEST_ELEMENTS_16 = 1 << 18;
const FEWEST_ELEMENTS_8 = 1 << 10;

/** Number of patterns to count, or 0 when the tensor is better looked at twice. */
export function patternsToCount({ dtype, storage, rows, columns }: TensorSource): number {
  const elements = rows * columns;
  if (storage !== undefined || !COUNTED.has(dtype)) return 0;
  if (dtypeInfo(dtype).blockBytes === 2) return elements >= FEWEST_ELEMENTS_16 ? 65536 : 0;
  return elements >= FEWEST_ELEMENTS_8 ? 256 : 0;
}

const valuesOf = new Map<DType, Float32Array>();

/** The value of each pattern. */
export function patternValues(dtype: DType): Float32Array {
  let values = valuesOf.get(dtype);
  if (values === undefined) {
    const wide = dtypeInfo(dtype).blockBytes === 2;
    values = new Float32Array(wide ? 65536 : 256);
    const patterns = wide ? new Uint16Array(values.length) : new Uint8Array(values.length);
    for (let i = 0; i < values.length; i++) patterns[i] = i;
    REFERENCE_DECODERS[dtype]?.(new Uint8Array(patterns.buffer), values);
    valuesOf.set(dtype, values);
  }
  return values;
}

/** Distinct finite values that occur, ascending, equal ones (±0, BOOL) joined. */
interface Occurring {
  readonly values: Float64Array;
  readonly counts: Float64Array;
  readonly nan: number;
  readonly positiveInfinities: number;
  readonly negativeInfinities: number;
}

export function occurring(dtype: DType, counts: Float64Array): Occurring {
  const values = patternValues(dtype);
  const present: [number, number][] = [];
  let [nan, positiveInfinities, negativeInfinities] = [0, 0, 0];
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i] ?? 0;
    const value = values[i] ?? NaN;
    if (count === 0) continue;
    if (Number.isNaN(value)) nan += count;
    else if (value === Infinity) positiveInfinities += count;
    else if (value === -Infinity) negativeInfinities += count;
    else present.push([value + 0, count]);
  }
  present.sort((a, b) => a[0] - b[0]);
  const distinct: [number, number][] = [];
  for (const [value, count] of present) {
    const last = distinct.at(-1);
    if (last !== undefined && last[0] === value) last[1] += count;
    else distinct.push([value, count]);
  }
  return {
    values: Float64Array.from(distinct, ([value]) => value),
    counts: Float64Array.from(distinct, ([, count]) => count),
    nan,
    positiveInfinities,
    negativeInfinities,
  };
}

export function lookOfCounts(found: Occurring): Look {
  const { values, counts, nan, positiveInfinities, negativeInfinities } = found;
  let [sum, absSum, zeros] = [0, 0, 0];
  // From the outside in, so that +v and −v cancel before anything is rounded.
  for (let i = 0, j = values.length - 1; i <= j; ) {
    const [low, high] = [values[i] ?? 0, values[j] ?? 0];
    const [lowCount, highCount] = [counts[i] ?? 0, counts[j] ?? 0];
    if (low === -high && i < j) {
      sum += (highCount - lowCount) * high;
      absSum += (highCount + lowCount) * high;
      i++;
      j--;
    } else if (Math.abs(low) > Math.abs(high) || i === j) {
      sum += lowCount * low;
      absSum += lowCount * Math.abs(low);
      if (low === 0) zeros += lowCount;
      i++;
    } else {
      sum += highCount * high;
      absSum += highCount * Math.abs(high);
      if (high === 0) zeros += highCount;
      j--;
    }
  }
  return {
    sum,
    absSum,
    min: values[0] ?? Infinity,
    max: values.at(-1) ?? -Infinity,
    zeros,
    nan,
    positiveInfinities,
    negativeInfinities,
  };
}

export function momentsOfCounts(found: Occurring, look: Look): Moments {
  let n = 0;
  for (const count of found.counts) n += count;
  if (n === 0) return { n, mean: 0, m2: 0, m3: 0, m4: 0 };
  const mean = look.sum / n;
  let [m2, m3, m4] = [0, 0, 0];
  for (let i = 0; i < found.values.length; i++) {
    const d = (found.values[i] ?? 0) - mean;
    const weighted = (found.counts[i] ?? 0) * d * d;
    m2 += weighted;
    m3 += weighted * d;
    m4 += weighted * d * d;
  }
  return { n, mean, m2, m3, m4 };
}

export function beyondOfCounts(found: Occurring, limits: Limits): Beyond {
  const histogram = new Float64Array(BINS);
  const beyond: Beyond['beyond'] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < found.values.length; i++) {
    const value = found.values[i] ?? 0;
    const count = found.counts[i] ?? 0;
    const bin = Math.min(BINS - 1, Math.trunc((value - limits.min) * limits.scale + 512) - 512); // as the kernel rounds
    histogram[bin] = (histogram[bin] ?? 0) + count;
    if (value > limits.high3 || value < limits.low3) beyond[0] += count;
    if (value > limits.high6 || value < limits.low6) beyond[1] += count;
    const magnitude = Math.abs(value);
    for (let m = 0; m < 4; m++)
      if (magnitude > (limits.multiples[m] ?? 0)) beyond[2 + m] = (beyond[2 + m] ?? 0) + count;
  }
  return { histogram, beyond };
}

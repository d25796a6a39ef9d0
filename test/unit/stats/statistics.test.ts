// The statistics of one tensor against a plain float64 computation.

import { beforeAll, describe, expect, it } from 'vitest';
import { REFERENCE_DECODERS } from '../../../core/kernels/decode.ts';
import type { TaskContext } from '../../../core/kernels/task.ts';
import { statisticsTask, type TensorResult } from '../../../core/stats/statisticsTasks.ts';
import { type DType, dtypeInfo } from '../../../core/tensor/dtype.ts';
import type { TensorSource } from '../../../core/tensor/storage.ts';
import { randomBlocks } from '../../fixtures/randomBlocks.ts';
import { bfloat16Bytes, float32Tensor, localContext, normal, storedTensor } from './harness.ts';
import { straightforward } from './straightforward.ts';

let context: TaskContext;
beforeAll(async () => {
  context = await localContext();
});

function statisticsOf(source: TensorSource): TensorResult {
  const [result] = statisticsTask({ items: [{ tensor: 5, source }] }, context);
  if (result === undefined) throw new Error('no result');
  return result;
}

function expectSame(actual: TensorResult, values: ArrayLike<number>, rows: number, columns: number): void {
  const wanted = straightforward(values, rows, columns);
  const { statistics, profile } = actual;
  const close = (name: string, a: number, b: number, tolerance: number): void => {
    if (Number.isNaN(b)) expect(a, name).toBeNaN();
    else expect(Math.abs(a - b), `${name}: ${a}, wanted ${b}`).toBeLessThanOrEqual(tolerance * Math.abs(b));
  };
  for (const name of ['count', 'min', 'max', 'absMax', 'zeros', 'nan', 'inf'] as const)
    expect(statistics[name], name).toBe(wanted.statistics[name]);
  for (const name of ['mean', 'std', 'rms', 'maxToMeanRatio'] as const)
    close(name, statistics[name], wanted.statistics[name], 1e-6);
  // Excess kurtosis is a difference of two numbers of the size of itself + 3.
  close('kurtosis', statistics.kurtosis + 3, wanted.statistics.kurtosis + 3, 1e-5);
  expect(statistics.outlierFraction3).toBe(wanted.statistics.outlierFraction3);
  expect(statistics.outlierFraction6).toBe(wanted.statistics.outlierFraction6);
  expect(statistics.layerOutlierDistribution).toEqual(wanted.statistics.layerOutlierDistribution);
  expect(profile.histogram).toEqual(wanted.profile.histogram);
  expect(profile.rowAbsMax).toEqual(wanted.profile.rowAbsMax);
  expect(profile.columnAbsMax).toEqual(wanted.profile.columnAbsMax);
  for (const name of ['rowKurtosis', 'columnKurtosis'] as const) {
    expect(profile[name].length).toBe(wanted.profile[name].length);
    wanted.profile[name].forEach((k, i) => {
      close(`${name}[${i}]`, (profile[name][i] ?? 0) + 3, k + 3, 1e-5);
    });
  }
}

describe('float32', () => {
  it.each([
    ['normal', 300, 700, (): Float32Array => normal(210000, 1, 0, 0.02)],
    ['odd sizes', 131, 517, (): Float32Array => normal(131 * 517, 2, 0.001, 0.02)],
    ['three columns', 1000, 3, (): Float32Array => normal(3000, 3)],
    ['two rows', 2, 5000, (): Float32Array => normal(10000, 4)],
    ['far from zero', 200, 300, (): Float32Array => normal(60000, 5, 1000, 0.5)],
    ['tiny', 200, 300, (): Float32Array => normal(60000, 6, 0, 1e-20)],
    ['huge', 200, 300, (): Float32Array => normal(60000, 7, 0, 1e25)],
    ['heavy tails', 256, 256, (): Float32Array => normal(65536, 8).map((x) => x ** 5)],
    ['many zeros', 100, 200, (): Float32Array => normal(20000, 9).map((x) => (x > 1 ? x : 0))],
  ])('%s, %i × %i', (_, rows, columns, make) => {
    const values = make();
    expectSame(statisticsOf(float32Tensor(values, rows, columns)), values, rows, columns);
  });

  it('counts NaN and infinities and leaves them out of the rest', () => {
    const values = normal(300 * 40, 10);
    values[17] = NaN;
    values[5000] = Infinity;
    values[5001] = -Infinity;
    values[11999] = NaN;
    expectSame(statisticsOf(float32Tensor(values, 300, 40)), values, 300, 40);
  });

  it('keeps the mean of what cancels', () => {
    const noise = normal(100000, 11, 1e-3, 1e-4);
    const values = Float32Array.from({ length: 200000 }, (_, i) =>
      i % 2 === 0 ? Math.fround(1e4 + (noise[i >> 1] ?? 0)) : -1e4,
    );
    expectSame(statisticsOf(float32Tensor(values, 400, 500)), values, 400, 500);
  });

  it('takes 1-D tensors as one row', () => {
    for (const n of [1, 3, 512, 4096, 70001]) {
      const values = normal(n, 12, 1, 0.01);
      const result = statisticsOf(float32Tensor(values, 1, n));
      if (n <= 65536) expectSame(result, values, 1, n);
      else expect(result.profile.columnAbsMax.length).toBe(Math.ceil(n / 2));
    }
  });
});

describe('degenerate tensors', () => {
  it('equal elements have no kurtosis', () => {
    const values = new Float32Array(3000).fill(0.1);
    const { statistics, profile } = statisticsOf(float32Tensor(values, 30, 100));
    expect(statistics).toMatchObject({ std: 0, mean: Math.fround(0.1), min: Math.fround(0.1), outlierFraction3: 0 });
    expect(statistics.kurtosis).toBeNaN();
    expect(profile.rowKurtosis.every(Number.isNaN)).toBe(true);
    expect(profile.columnKurtosis.every(Number.isNaN)).toBe(true);
    expect(profile.histogram[0]).toBe(3000);
  });

  it('all zero', () => {
    const { statistics } = statisticsOf(float32Tensor(new Float32Array(600), 20, 30));
    expect(statistics).toMatchObject({ zeros: 600, absMax: 0, rms: 0, mean: 0, outlierFraction6: 0 });
    expect(statistics.maxToMeanRatio).toBeNaN();
  });

  it('nothing finite', () => {
    const { statistics } = statisticsOf(float32Tensor(Float32Array.of(NaN, Infinity, -Infinity, NaN), 2, 2));
    expect(statistics).toMatchObject({ count: 4, nan: 2, inf: 2, zeros: 0 });
    expect(statistics.mean).toBeNaN();
    expect(statistics.min).toBeNaN();
  });

  it('no elements', () => {
    const { statistics, profile } = statisticsOf(float32Tensor(new Float32Array(0), 0, 64));
    expect(statistics).toMatchObject({ count: 0, nan: 0, inf: 0 });
    expect(statistics.max).toBeNaN();
    expect(profile.rowAbsMax.length).toBe(0);
  });
});

describe('other dtypes', () => {
  it.each([
    ['small', 128, 96],
    ['large enough to count patterns', 600, 777],
  ])('bfloat16, %s', (_, rows, columns) => {
    const bytes = bfloat16Bytes(normal(rows * columns, 20, 0, 0.02));
    const values = new Float32Array(rows * columns);
    REFERENCE_DECODERS.BF16?.(bytes, values);
    expectSame(statisticsOf(storedTensor('BF16', bytes, rows, columns)), values, rows, columns);
  });

  it('bfloat16 with every kind of number, counted', () => {
    const values = normal(512 * 640, 21);
    values[3] = NaN;
    values[70000] = -Infinity;
    values[70001] = -0;
    values.fill(0, 1000, 3000);
    const bytes = bfloat16Bytes(values);
    const decoded = new Float32Array(values.length);
    REFERENCE_DECODERS.BF16?.(bytes, decoded);
    expectSame(statisticsOf(storedTensor('BF16', bytes, 512, 640)), decoded, 512, 640);
  });

  it.each([
    'F16',
    'F64',
    'I16',
    'U8',
    'I8',
    'BOOL',
    'F8_E4M3',
    'F8_E5M2',
    'F8_E5M2FNUZ',
    'F4',
    'F6_E2M3',
    'I64',
    'Q4_0',
    'Q8_0',
    'Q4_K',
    'Q6_K',
    'IQ4_XS',
    'IQ2_XXS',
    'TQ1_0',
    'MXFP4',
  ] as const satisfies DType[])('%s', (dtype) => {
    const { blockElements } = dtypeInfo(dtype);
    const columns = Math.max(blockElements, 256);
    const bytes = randomBlocks(dtype, (64 * columns) / blockElements, 22);
    if (dtype === 'F64') {
      new Float64Array(bytes.buffer).set(normal(64 * columns, 23));
    }
    const values = new Float32Array(64 * columns);
    REFERENCE_DECODERS[dtype]?.(bytes, values);
    expectSame(statisticsOf(storedTensor(dtype, bytes, 64, columns)), values, 64, columns);
  });
});

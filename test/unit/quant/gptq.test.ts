// GPTQ: against its definition on small matrices, and what it is for on the sample model's weights and Hessians.

import { afterAll, describe, expect, test } from 'vitest';
import { collectHessians } from '../../../core/calibration/hessian.ts';
import { embedTokens } from '../../../core/forward/embed.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { codeOf, levelOf } from '../../../core/quant/gptq/affineGrid.ts';
import { feedbackOf } from '../../../core/quant/gptq/feedback.ts';
import { GPTQ_DEFAULTS, type GptqSettings, gptq, type Matrix, roundToNearest } from '../../../core/quant/gptq/gptq.ts';
import { outputError } from '../../../core/quant/gptq/outputError.ts';
import { randomHessian, randomMatrix } from '../../fixtures/layers.ts';
import { openSample, SEQUENCES } from '../calibration/captured.ts';

const SETTINGS: GptqSettings = { ...GPTQ_DEFAULTS, bits: 4, symmetric: false, groupSize: null };

const SOME_ROWS = 32;

/** Gauss–Jordan with pivots. */
function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let i = 0; i < n; i++) {
    const best = rows
      .slice(i)
      .reduce((most, row, k) => (Math.abs(row[i] ?? 0) > Math.abs(rows[most]?.[i] ?? 0) ? i + k : most), i);
    [rows[i], rows[best]] = [rows[best] ?? [], rows[i] ?? []];
    const pivot = rows[i]?.[i] ?? Number.NaN;
    rows[i] = (rows[i] ?? []).map((v) => v / pivot);
    for (let k = 0; k < n; k++) {
      const factor = rows[k]?.[i] ?? 0;
      if (k !== i) rows[k] = (rows[k] ?? []).map((v, j) => v - factor * (rows[i]?.[j] ?? 0));
    }
  }
  return rows.map((row) => row.slice(n));
}

/** Optimal brain quantization in a fixed order (the paper's eq. 2), with a fresh inverse for every column. */
function naive(weights: Matrix, hessian: Float64Array, settings: GptqSettings): number[] {
  const { rows, columns, values } = weights;
  const trace = Array.from({ length: columns }, (_, i) => hessian[i * columns + i] ?? 0).reduce((a, b) => a + b);
  const h = (i: number, j: number): number =>
    (hessian[i * columns + j] ?? 0) + (i === j ? (settings.damping * trace) / columns : 0);
  const order = Array.from({ length: columns }, (_, i) => i);
  if (settings.actOrder) order.sort((a, b) => h(b, b) - h(a, a) || a - b);
  const { grids } = roundToNearest(weights, settings);
  const w = Array.from(values);
  const codes = new Array<number>(rows * columns);
  order.forEach((column, done) => {
    const left = order.slice(done);
    const inverseHessian = inverse(left.map((i) => left.map((j) => h(i, j))));
    for (let row = 0; row < rows; row++) {
      const at = row * columns + column;
      const grid = grids[Math.floor(at / (settings.groupSize ?? columns))];
      if (grid === undefined) throw new Error('no grid');
      const code = codeOf(w[at] ?? 0, grid, settings);
      codes[at] = code;
      const error = ((w[at] ?? 0) - levelOf(code, grid)) / (inverseHessian[0]?.[0] ?? Number.NaN);
      left.forEach((j, k) => {
        w[row * columns + j] = (w[row * columns + j] ?? 0) - error * (inverseHessian[0]?.[k] ?? Number.NaN);
      });
    }
  });
  return codes;
}

test.each([false, true])('U D Uᵀ is the damped Hessian, act-order %s', (actOrder) => {
  const n = 24;
  const h = randomHessian(n, 1);
  const { order, factor } = feedbackOf(h, n, { actOrder, damping: 0.01 });
  const u = (i: number, j: number): number => factor[i * n + j] ?? Number.NaN;
  const at = (i: number, j: number): number => h[(order[i] ?? 0) * n + (order[j] ?? 0)] ?? Number.NaN;
  const trace = order.reduce((sum, _, i) => sum + at(i, i), 0);
  const d = new Float64Array(n);
  for (let j = n - 1; j >= 0; j--) {
    for (let i = 0; i <= j; i++) {
      let rest = at(i, j) + (i === j ? (0.01 * trace) / n : 0);
      for (let k = j + 1; k < n; k++) rest -= u(i, k) * (d[k] ?? 0) * u(j, k);
      if (i === j) d[j] = rest;
    }
    for (let i = 0; i <= j; i++) {
      let product = 0;
      for (let k = j; k < n; k++) product += u(i, k) * (d[k] ?? 0) * u(j, k);
      expect(Math.abs(product - at(i, j) - (i === j ? (0.01 * trace) / n : 0))).toBeLessThan(1e-11 * trace);
      expect(u(j, i)).toBe(i === j ? 1 : 0);
    }
    if (actOrder && j > 0) expect(at(j, j)).toBeLessThanOrEqual(at(j - 1, j - 1));
  }
});

describe('equals its definition', () => {
  test.each([
    ['one group a row', {}],
    ['3 bits, symmetric', { bits: 3, symmetric: true }],
    ['by diagonal', { actOrder: true }],
    ['groups of 8 by diagonal', { actOrder: true, groupSize: 8 }],
    ['ranges searched', { rangeSearch: true }],
  ] as const)('%s', (_, more) => {
    const weights = randomMatrix(20, 24, 2);
    const hessian = randomHessian(24, 3);
    const settings = { ...SETTINGS, ...more };
    expect(Array.from(gptq(weights, hessian, settings).codes)).toEqual(naive(weights, hessian, settings));
  });
});

test('with a diagonal Hessian it rounds to nearest', () => {
  const weights = randomMatrix(4, 32, 5);
  const hessian = Float64Array.from({ length: 32 * 32 }, (_, k) => (k % 33 === 0 ? 1 + k : 0));
  for (const groupSize of [null, 16])
    for (const actOrder of [false, true]) {
      const settings = { ...SETTINGS, groupSize, actOrder };
      const { codes, values } = gptq(weights, hessian, settings);
      const rtn = roundToNearest(weights, settings);
      expect(codes).toEqual(rtn.codes);
      expect(values).toEqual(rtn.values);
    }
});

test('a column that nothing reached neither suffers nor hurts', () => {
  const hessian = randomHessian(16, 7);
  for (let i = 0; i < 16; i++) hessian[i * 16 + 3] = hessian[3 * 16 + i] = 0;
  const weights = randomMatrix(5, 16, 8);
  const { codes } = gptq(weights, hessian, SETTINGS);
  const rtn = roundToNearest(weights, SETTINGS);
  for (let row = 0; row < 5; row++) expect(codes[row * 16 + 3]).toBe(rtn.codes[row * 16 + 3]);
  expect(gptq(weights, new Float64Array(256), SETTINGS).codes).toEqual(rtn.codes);
});

test('refuses what is no Hessian, and shapes that do not fit', () => {
  const weights = randomMatrix(2, 4, 9);
  const indefinite = Float64Array.of(1, 2, 0, 0, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
  expect(() => gptq(weights, indefinite, SETTINGS)).toThrow(/not positive definite at column 0 of 4/);
  expect(() => gptq(weights, indefinite.fill(Number.NaN), SETTINGS)).toThrow(/not positive definite/);
  const infinite = { ...weights, values: weights.values.with(5, Number.POSITIVE_INFINITY) };
  expect(() => gptq(infinite, new Float64Array(16), SETTINGS)).toThrow(/weight 5 of 8 is Infinity/);
  expect(() => gptq(weights, new Float64Array(9), SETTINGS)).toThrow(/2 × 4 weights/);
  expect(() => gptq(weights, new Float64Array(16), { ...SETTINGS, groupSize: 3 })).toThrow(/groups of 3/);
});

describe('on the sample model', async () => {
  const pool = createPool(new URL('../forward/worker.ts', import.meta.url), 2);
  afterAll(() => pool.close());
  const { parts } = await openSample(pool);
  const hidden = await embedTokens(parts, SEQUENCES, undefined);
  const found: { name: string; weights: Matrix; hessian: Float64Array }[] = [];
  await collectHessians(parts, hidden, {
    layers: [0, 1],
    taps: () => true,
    onHessian: async ({ tap, values: hessian, columns }) => {
      const { taps } = parts.network.block(0).graph({ sequences: 1, tokens: 1 });
      const module = taps.find(({ name }) => name === tap)?.modules[0] ?? '';
      const all = await parts.weights.load(0, module, parts.weights.place(0, module)?.shape ?? [], undefined);
      // Rows do not know of each other: some stand for all.
      const weights = { values: all.subarray(0, SOME_ROWS * columns), rows: SOME_ROWS, columns };
      found.push({ name: module, weights, hessian });
    },
  });

  test('is never worse than rounding to nearest', () => {
    expect(found.map(({ name }) => name)).toEqual(['q', 'o', 'gate', 'down']);
    const ratios: number[] = [];
    for (const { name, weights, hessian } of found)
      for (const more of [{ bits: 3 }, { bits: 4, actOrder: true }]) {
        const settings = { ...SETTINGS, groupSize: 32, ...more };
        const rtn = outputError(weights, roundToNearest(weights, settings).values, hessian);
        const own = outputError(weights, gptq(weights, hessian, settings).values, hessian);
        expect(own, `${name}, ${settings.bits} bits`).toBeLessThanOrEqual(rtn);
        ratios.push(own / rtn);
      }
    // The paper's reason to exist: on average far below.
    expect(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length).toBeLessThan(0.75);
  }, 120_000);
});

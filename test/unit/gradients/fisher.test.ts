// Gradients of single weights against float64 differences; Fisher diagonals against explicit loops and measured KL.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Spread } from '../../../core/evaluation/spread.ts';
import { ChangeEffects, linearEffect, quadraticEffect } from '../../../core/gradients/change.ts';
import { fisherDiagonals, meanGradients, type WeightValues } from '../../../core/gradients/fisher.ts';
import { lossGradients } from '../../../core/gradients/lossGradients.ts';
import type { Weight } from '../../../core/gradients/weight.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { allScored } from './directional.ts';
import { logSoftmax, type MicroModel, microModel } from './microModel.ts';

const pool = createPool(new URL('./worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const SEQUENCES = [
  [0, 1, 2, 3, 4, 5],
  [5, 3, 1, 1, 0, 2],
  [4, 4, 2, 0, 5, 1],
].map((ids) => Uint32Array.from(ids));
const scored = allScored(SEQUENCES);
const TOKENS = 15;

let model: MicroModel;
beforeAll(async () => {
  model = await microModel(temporaryFolder(), pool);
});

async function collected(values: AsyncIterable<WeightValues>): Promise<Map<string, WeightValues>> {
  const found = new Map<string, WeightValues>();
  for await (const one of values) found.set(nameOf(one.weight), one);
  return found;
}

function nameOf({ layer, module }: Weight): string {
  return `${layer ?? ''}/${module}`;
}

/** Runs `change` with one weight moved. */
function at<T>(weight: Weight, element: number, by: number, measure: () => T): T {
  const values = model.values(weight);
  const old = values[element] ?? 0;
  values[element] = old + by;
  const result = measure();
  values[element] = old;
  return result;
}

describe('gradients of single weights', () => {
  test('all 284 as float64 differences give them', async () => {
    const found = await collected(meanGradients(model.parts, scored));
    let [elements, largest, worst] = [0, 0, 0];
    const h = 2 ** -9; // the five-point formula is off by h⁴/30 = 5e-13 of the fifth derivative, float64 by 1e-13
    for (const { weight, values } of found.values())
      values.forEach((gradient, i) => {
        const move = (by: number): number => at(weight, i, by, () => model.loss(scored));
        const expected = (8 * (move(h) - move(-h)) - (move(2 * h) - move(-2 * h))) / (12 * h);
        worst = Math.max(worst, Math.abs(gradient - expected));
        largest = Math.max(largest, Math.abs(expected));
        elements++;
      });
    expect(elements).toBe(284);
    expect(largest).toBeGreaterThan(0.1);
    expect(worst / largest).toBeLessThan(5e-6); // float32 sums of a few dozen terms
  });
});

describe('Fisher diagonals', () => {
  test('sum the squares of whole sequences’ gradients', async () => {
    const diagonals = await collected(fisherDiagonals(model.parts, scored));
    const expected = new Map<string, Float64Array>();
    for (const sequence of SEQUENCES)
      for await (const { weight, values } of meanGradients(model.parts, allScored([sequence]))) {
        const own = expected.get(nameOf(weight)) ?? new Float64Array(values.length);
        // 5 of 15 tokens count: the gradient of the sum is five times that of the mean.
        values.forEach((gradient, i) => {
          own[i] = (own[i] ?? 0) + (5 * gradient) ** 2 / TOKENS;
        });
        expected.set(nameOf(weight), own);
      }
    expect(diagonals.size).toBe(expected.size);
    for (const [name, { values }] of diagonals) {
      const own = expected.get(name) ?? new Float64Array();
      const largest = Math.max(...own);
      values.forEach((value, i) => {
        expect(Math.abs(value - (own[i] ?? 0)), name).toBeLessThanOrEqual(1e-5 * largest);
      });
    }
  });

  test('of sampled tokens predict the divergence a changed weight makes', async () => {
    const draws = 60;
    const exact = new Map<string, Float64Array>();
    const totals = new Spread();
    const elements = new Map<string, Spread[]>();
    for (let sampled = 0; sampled < draws; sampled++) {
      let total = 0;
      for await (const { weight, values } of fisherDiagonals(model.parts, scored, { sampled, wants: inLastLayer })) {
        const name = nameOf(weight);
        // KL = ½ F Δ²: its two sides together are F Δ².
        if (!exact.has(name))
          exact.set(
            name,
            Float64Array.from(values, (_, i) => curvature(weight, i)),
          );
        const spreads = elements.get(name) ?? Array.from(values, () => new Spread());
        for (const [i, spread] of spreads.entries()) spread.add(values[i] ?? 0);
        elements.set(name, spreads);
        total += values.reduce((sum, value) => sum + value, 0);
      }
      totals.add(total);
    }
    const sum = [...exact.values()].flatMap((values) => [...values]).reduce((a, b) => a + b, 0);
    expect(totals.standardError / sum).toBeLessThan(0.12);
    expect(Math.abs(totals.mean - sum) / totals.standardError).toBeLessThan(4);
    for (const [name, values] of exact)
      for (const [i, spread] of elements.get(name)?.entries() ?? []) {
        // Squares have long tails: draws that are rare count for much, and so few may miss them.
        const slack = 6 * spread.standardError + 1e-4;
        expect(Math.abs(spread.mean - (values[i] ?? Number.NaN)), `${name}[${i}]`).toBeLessThan(slack);
      }
  }, 60_000);

  test('the same seed draws the same tokens, another seed others', async () => {
    const of = async (sampled: number): Promise<number[]> => {
      const found = await collected(fisherDiagonals(model.parts, scored, { sampled, wants: inLastLayer }));
      return [...found.values()].flatMap(({ values }) => [...values]);
    };
    const first = await of(3);
    expect(await of(3)).toEqual(first);
    expect(await of(4)).not.toEqual(first);
  });
});

describe('effects of a change', () => {
  test('by sequences add up to those of the mean gradient and of the Fisher diagonal', async () => {
    const gradients = await collected(meanGradients(model.parts, scored));
    const diagonals = await collected(fisherDiagonals(model.parts, scored));
    const changeOf = ({ place }: Weight): Float32Array =>
      Float32Array.from({ length: place.elements }, (_, i) => Math.sin(i + 1) / 8);
    let linear = 0;
    for await (const { weight, sink } of lossGradients(model.parts, scored, {
      open: (weight) => new ChangeEffects(changeOf(weight), SEQUENCES.length, TOKENS),
    })) {
      const change = changeOf(weight);
      const sums = [sink.linear, sink.quadratic].map((values) => values.reduce((a, b) => a + b, 0));
      const [g, f] = [gradients, diagonals].map((found) => found.get(nameOf(weight))?.values ?? new Float32Array());
      expect(sums[0]).toBeCloseTo(linearEffect(g as Float32Array, change), 6);
      expect(sums[1]).toBeCloseTo(quadraticEffect(f as Float32Array, change), 6);
      linear += Math.abs(sums[0] ?? 0);
    }
    expect(linear).toBeGreaterThan(0.01);
  });

  test('to first order are what the loss gains', async () => {
    const { weight, values } = [...(await collected(meanGradients(model.parts, scored))).values()].find(
      ({ weight: { module } }) => module === 'down',
    ) as WeightValues;
    const change = values.map((_, i) => (i % 2 === 0 ? 1 : -1) * 2 ** -12);
    const own = model.values(weight);
    const before = own.slice();
    const loss = (sign: number): number => {
      own.set(before.map((value, i) => value + sign * (change[i] ?? 0)));
      return model.loss(scored);
    };
    const gain = (loss(1) - loss(-1)) / 2;
    own.set(before);
    expect(linearEffect(values, change) / gain).toBeCloseTo(1, 4);
  });
});

function inLastLayer({ layer }: Weight): boolean {
  return layer === 1;
}

/** Second derivative of the mean KL(before ‖ after) per token when one weight moves. */
function curvature(weight: Weight, element: number): number {
  const h = 2 ** -9;
  return (divergence(weight, element, h) + divergence(weight, element, -h)) / h ** 2;
}

/** Mean KL(before ‖ after) per token that counts, when one weight moves. */
function divergence(weight: Weight, element: number, by: number): number {
  const rows = (): Float64Array[] => SEQUENCES.flatMap((sequence) => model.logits(sequence).map(logSoftmax));
  const before = rows();
  const after = at(weight, element, by, rows);
  let sum = 0;
  for (const [row, p] of before.entries())
    if (scored.target(row) !== null)
      p.forEach((log, token) => {
        sum += Math.exp(log) * (log - (after[row]?.[token] ?? Number.NaN));
      });
  return sum / TOKENS;
}

// Estimates of curvature against the exact Hessian of a model of 284 weights.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WeightValues } from '../../../core/gradients/fisher.ts';
import { curvatureProbe, hutchinsonTraces } from '../../../core/gradients/hutchinson.ts';
import { rademacher } from '../../../core/gradients/rademacher.ts';
import type { Weight } from '../../../core/gradients/weight.ts';
import { createPool } from '../../../core/kernels/pool.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { allScored } from './directional.ts';
import { type MicroModel, microModel } from './microModel.ts';

const pool = createPool(new URL('./worker.ts', import.meta.url), 2);
afterAll(() => pool.close());

const scored = allScored([Uint32Array.of(0, 1, 2, 3, 4, 5), Uint32Array.of(5, 3, 1, 1, 0, 2)]);

let model: MicroModel;
beforeAll(async () => {
  model = await microModel(temporaryFolder(), pool);
});

/** ∂²L/∂w² in float64: off by h⁴/90 of the sixth derivative. */
function secondDerivative(weight: Weight, element: number): number {
  const h = 2 ** -6;
  const values = model.values(weight);
  const old = values[element] ?? 0;
  const at = (by: number): number => {
    values[element] = old + by;
    return model.loss(scored);
  };
  const sum = 16 * (at(h) + at(-h)) - (at(2 * h) + at(-2 * h)) - 30 * at(0);
  values[element] = old;
  return sum / (12 * h * h);
}

function exactTrace(weight: Weight): number {
  let trace = 0;
  for (let i = 0; i < weight.place.elements; i++) trace += secondDerivative(weight, i);
  return trace;
}

test('a product with the Hessian is the second derivative along its signs', async () => {
  for (const seed of [1, 2, 3]) {
    const found: WeightValues[] = [];
    for await (const one of curvatureProbe(model.parts, pool, scored, { seed })) found.push(one);
    expect(found.reduce((sum, { values }) => sum + values.length, 0)).toBe(284);
    // Σ s² · (v ⊙ H(s v) / s) = (s v)ᵀ H (s v), s the root mean square of each weight
    let product = 0;
    const directions = found.map(({ weight, values }) => {
      const own = model.values(weight);
      const scale = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0) / own.length);
      product += values.reduce((sum, value) => sum + scale * scale * value, 0);
      const direction = own.map((_, i) => scale * rademacher(seed, weight.place.tensor.index, i));
      return { own, before: own.slice(), direction };
    });
    const at = (t: number): number => {
      for (const { own, before, direction } of directions)
        own.set(before.map((value, i) => value + t * (direction[i] ?? 0)));
      return model.loss(scored);
    };
    const h = 2 ** -7;
    const expected = (16 * (at(h) + at(-h)) - (at(2 * h) + at(-2 * h)) - 30 * at(0)) / (12 * h * h);
    at(0);
    // The probe's own step leaves h²/6 of a third derivative, the reference's h⁴/90 of a sixth.
    expect(Math.abs(product / expected - 1), `seed ${seed}`).toBeLessThan(2e-3);
  }
});

test('traces are those of the exact Hessian within their errors', async () => {
  const traces = await hutchinsonTraces(model.parts, pool, scored, { seed: 1, probes: 16 });
  expect(traces).toHaveLength(21);
  let [total, expected] = [0, 0];
  for (const { weight, trace, error } of traces) {
    const exact = exactTrace(weight);
    expect(Math.abs(trace - exact), `${weight.module} of ${weight.layer}: ${trace} ± ${error}, ${exact}`).toBeLessThan(
      4.5 * error + 1e-3,
    );
    total += trace;
    expected += exact;
  }
  expect(Math.abs(total / expected - 1)).toBeLessThan(0.3);
});

test('one weight alone: its block of the Hessian, without the noise of the others', async () => {
  const wants = ({ layer, module }: Weight): boolean => layer === 1 && module === 'ffn_norm';
  const all = await hutchinsonTraces(model.parts, pool, scored, { seed: 1, probes: 6 });
  const [alone] = await hutchinsonTraces(model.parts, pool, scored, { seed: 1, probes: 6, wants });
  const among = all.find(({ weight }) => wants(weight));
  expect(alone?.error).toBeLessThan(among?.error ?? 0);
  const exact = exactTrace((alone as (typeof all)[number]).weight);
  expect(Math.abs((alone?.trace ?? 0) - exact)).toBeLessThan(4.5 * (alone?.error ?? 0) + 1e-3);
});

test('the same seed gives the same signs, half of them positive, unlike those of other tensors and seeds', () => {
  const draw = (seed: number, tensor: number): number[] =>
    Array.from({ length: 4096 }, (_, i) => rademacher(seed, tensor, i));
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
  const first = draw(1, 0);
  expect(draw(1, 0)).toEqual(first);
  const others = [draw(2, 0), draw(1, 1), draw(2, 1), [...first.slice(1), 1], first.map(() => 1)];
  // Sums of 4096 independent signs have a standard deviation of 64.
  for (const other of others) expect(Math.abs(dot(first, other))).toBeLessThan(4 * 64);
});

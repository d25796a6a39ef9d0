// What a tensor's error counts for: its share of the parameters, the head's at least a fifth.

import { expect, it } from 'vitest';
import { damageWeights } from '../../../core/allocation/damageWeights.ts';

type Planned = Parameters<typeof damageWeights>[0][number];
const tensor = (role: Planned['role'], elements: number): Planned => ({ role, elements });
const weights = (...tensors: Planned[]): number[] =>
  [...damageWeights(tensors)].map((weight) => Number(weight.toFixed(9)));

it('a small head is raised to a fifth, the others share the rest by parameters', () => {
  expect(weights(tensor('embedding', 100), tensor('mlp.up', 300), tensor('output', 20))).toEqual([0.2, 0.6, 0.2]);
});

it('a large head counts by its parameters', () => {
  expect(weights(tensor('mlp.up', 300), tensor('output', 100))).toEqual([0.75, 0.25]);
});

it('a tied embedding is the head', () => {
  expect(weights(tensor('embedding', 10), tensor('mlp.up', 90))).toEqual([0.2, 0.8]);
});

it('models without a head share by parameters', () => {
  expect(weights(tensor('convolution', 10), tensor('mlp.up', 30))).toEqual([0.25, 0.75]);
  expect(weights(tensor('output', 7))).toEqual([1]);
});

// What a tensor's error counts for: its share of the parameters, the head's times four.

import { expect, it } from 'vitest';
import { damageWeights } from '../../../core/allocation/damageWeights.ts';

const tensor = (role: 'output' | 'embedding' | 'mlp.up', elements: number) => ({ role, elements });

it('shares add up to one, by parameters, and the head counts four times', () => {
  const weights = damageWeights([tensor('embedding', 100), tensor('mlp.up', 200), tensor('output', 100)]);
  expect([...weights]).toEqual([100 / 700, 200 / 700, 400 / 700]);
});

it('a tied embedding is the head', () => {
  const weights = damageWeights([tensor('embedding', 100), tensor('mlp.up', 400)]);
  expect([...weights]).toEqual([0.5, 0.5]);
});

import { expect, test } from 'vitest';
import { nearRivals, type RivalPlan } from '../../../core/allocation/rivals.ts';
import type { GgufTarget } from '../../../core/quant/ggufTypes.ts';

const plan = (label: string, kind: RivalPlan['kind'], bytes: number, ...types: GgufTarget[]): RivalPlan => {
  return { label, kind, bytes, bitsPerWeight: bytes / 100, damage: 1 / bytes, types };
};
const KNOWN = [
  plan('Q4_K', 'uniform', 450, 'Q4_K', 'Q4_K'),
  plan('Q6_K', 'uniform', 656, 'Q6_K', 'Q6_K'),
  plan('Q4_K_M mix', 'mix', 480, 'Q4_K', 'Q6_K'),
  plan('Q3_K_M mix', 'mix', 400, 'Q3_K', 'Q6_K'),
  plan('Q6_K mix', 'mix', 656, 'Q6_K', 'Q6_K'),
];
const labels = (target: number): string[] => nearRivals(KNOWN, target).map(({ label }) => label);

test('the largest within the budget and the nearest of each kind, by size', () => {
  expect(labels(470)).toEqual(['Q3_K_M mix', 'Q4_K', 'Q4_K_M mix']);
  expect(labels(480)).toEqual(['Q4_K', 'Q4_K_M mix']);
});

test('plans that store every tensor alike count once', () => {
  expect(labels(700)).toEqual(['Q6_K mix']);
});

test('of one size the one that promises most', () => {
  const twins = [1, 0.5, 2].map((damage, at) => ({ ...plan(`${at}`, 'uniform', 450, 'Q4_0'), damage }));
  for (const target of [450, 500, 400]) expect(nearRivals(twins, target).map(({ label }) => label)).toEqual(['1']);
});

test('below all of them only the nearest, above the budget', () => {
  expect(labels(100)).toEqual(['Q3_K_M mix', 'Q4_K']);
});

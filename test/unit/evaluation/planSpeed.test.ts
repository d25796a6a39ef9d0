import { expect, test } from 'vitest';
import { tokensPerSecond } from '../../../core/evaluation/planSpeed.ts';

const facts = { bytesPerSecond: 50e9, expertShare: 0.25 };
const layers = [
  { role: 'attention.q', bytes: 100e6 },
  { role: 'mlp.down', bytes: 300e6 },
] as const;

test('bandwidth over the bytes of a token: all layers and the output, one row of the embedding', () => {
  const tensors = [...layers, { role: 'embedding', bytes: 900e6 } as const, { role: 'output', bytes: 100e6 } as const];
  expect(tokensPerSecond(tensors, facts)).toBe(100);
});

test('a tied embedding is read whole', () => {
  expect(tokensPerSecond([...layers, { role: 'embedding', bytes: 100e6 }], facts)).toBe(100);
});

test('of the experts only those a token is routed to', () => {
  const output = { role: 'output', bytes: 0 } as const;
  expect(tokensPerSecond([...layers, { role: 'expert.up', bytes: 400e6 }, output], facts)).toBe(100);
  expect(tokensPerSecond([], facts)).toBeNaN();
});

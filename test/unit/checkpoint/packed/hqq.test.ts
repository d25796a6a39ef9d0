// HQQ weights as logical tensors.

import { describe, expect, test } from 'vitest';
import { type HqqOptions, hqqLayer } from '../../../fixtures/packed/hqqLayer.ts';
import { checkLayer, openPacked } from './openPacked.ts';

const base: HqqOptions = { module: 'm', bits: 4, shape: [48, 80], groupSize: 32, axis: 1 };

describe('HQQ', () => {
  test.each([1, 2, 3, 4, 8] as const)('%i bit along both axes', async (bits) => {
    for (const axis of [0, 1] as const) {
      const layer = hqqLayer({ ...base, bits, axis });
      await checkLayer(layer, { name: 'm.weight', dtype: `INT${bits}`, scheme: `HQQ, ${bits} bit, groups of 32` });
    }
  });

  test('one scale for everything, and codes viewed as floats', async () => {
    const whole = hqqLayer({ ...base, groupSize: null });
    await checkLayer(whole, { name: 'm.weight', dtype: 'INT4', scheme: 'HQQ, 4 bit, per tensor' });
    const viewed = hqqLayer({ ...base, viewAsFloat: true });
    await checkLayer(viewed, { name: 'm.weight', dtype: 'INT4', scheme: 'HQQ, 4 bit, groups of 32' });
  });

  test('without the name of its packing a layer stays as it is stored', async () => {
    const { tensors } = hqqLayer(base);
    const checkpoint = await openPacked(tensors.filter(({ name }) => name !== 'm.packing'));
    expect(checkpoint.tensors).toHaveLength(tensors.length - 1);
    expect(checkpoint.warnings).toHaveLength(1);
    expect(checkpoint.warnings[0]).toContain('packing is not stored');
  });
});

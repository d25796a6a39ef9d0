// Which adapter a wish means; and that WebGPU on this machine tells its adapters the way they are read.

import { describe, expect, it } from 'vitest';
import { adapterNames, chooseAdapter } from '../../../core/kernels/gpu/adapters.ts';
import { Gpu } from '../../../core/kernels/gpu/device.ts';
import { softwareGpu } from '../../fixtures/softwareGpu.ts';

const TWO = ['NVIDIA A100-SXM4-40GB', 'AMD Radeon Graphics (RADV)'];

describe('the adapter a wish means', () => {
  it.each([
    [0, 'NVIDIA A100-SXM4-40GB'],
    [1, 'AMD Radeon Graphics (RADV)'],
    ['Radeon', 'Radeon'],
  ])('%s', (wish, asked) => expect(chooseAdapter(TWO, wish)).toBe(asked));

  it.each([
    [2, 'no GPU 2; WebGPU finds 0: NVIDIA A100-SXM4-40GB, 1: AMD Radeon Graphics (RADV)'],
    ['Intel', 'no GPU called Intel; WebGPU finds 0: NVIDIA'],
  ])('%s is refused with what there is', (wish, message) => expect(() => chooseAdapter(TWO, wish)).toThrow(message));

  it('of two with one name the second cannot be had, and the first is not taken in its place', () => {
    expect(chooseAdapter(['A100', 'A100'], 0)).toBe('A100');
    expect(() => chooseAdapter(['A100', 'A100'], 1)).toThrow(/would take GPU 0/);
    expect(() => chooseAdapter(['A100 80GB', 'A100'], 1)).toThrow(/would take GPU 0/);
  });

  it('without any adapter says so', async () => {
    const names = await adapterNames({ create: () => ({ requestAdapter: async () => null }) as unknown as GPU });
    expect(names).toEqual([]);
    expect(() => chooseAdapter(names, 0)).toThrow('no GPU 0; WebGPU finds no adapter at all');
  });
});

describe.skipIf(softwareGpu === null)('WebGPU here', () => {
  it('has an adapter 0, which is the fastest', async () => {
    await using gpu = await Gpu.open({ adapter: 0, software: true });
    expect(gpu.facts).toEqual(softwareGpu?.facts);
  });

  it('has no adapter 9, and says which it has', () =>
    expect(Gpu.open({ adapter: 9, software: true })).rejects.toThrow(/^no GPU 9; WebGPU finds 0: \S/));
});

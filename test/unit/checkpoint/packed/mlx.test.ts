// MLX weights as logical tensors.

import { describe, expect, test } from 'vitest';
import { type MlxOptions, mlxFloatLayer, mlxLayer } from '../../../fixtures/packed/mlxLayer.ts';
import { checkLayer, decoded, openPacked, tensorNamed } from './openPacked.ts';

const base: MlxOptions = { module: 'm', bits: 4, groupSize: 64, shape: [12, 128] };

describe('MLX', () => {
  test.each([1, 2, 3, 4, 5, 6, 8] as const)('%i bit, groups of 32, 64 and 128', async (bits) => {
    for (const groupSize of [32, 64, 128]) {
      const config = { quantization: { group_size: groupSize, bits } };
      const scheme = `MLX, ${bits} bit, groups of ${groupSize}`;
      await checkLayer(
        mlxLayer({ ...base, bits, groupSize }),
        { name: 'm.weight', dtype: `INT${bits}`, scheme },
        config,
      );
    }
  });

  test('a stack of experts', async () => {
    const layer = mlxLayer({ ...base, shape: [3, 8, 128] });
    await checkLayer(layer, { name: 'm.weight', dtype: 'INT4', scheme: 'MLX, 4 bit, groups of 64' });
  });

  test.each([
    ['mxfp4', 'MXFP4', 'MXFP4, groups of 32'],
    ['nvfp4', 'NVFP4', 'NVFP4, groups of 16'],
    ['mxfp8', 'FP8', 'MXFP8, groups of 32'],
  ] as const)('%s', async (mode, dtype, scheme) => {
    await checkLayer(mlxFloatLayer('m', mode, 6, 64), { name: 'm.weight', dtype, scheme: `MLX, ${scheme}` });
  });

  test('layers with sizes of their own: the same shapes, told apart by the configuration', async () => {
    const layers = [
      mlxLayer({ ...base, module: 'a', bits: 4, groupSize: 64 }),
      mlxLayer({ ...base, module: 'b', bits: 8, groupSize: 32 }),
    ];
    const quantization = { group_size: 64, bits: 4, b: { group_size: 32, bits: 8 }, lm_head: false };
    const checkpoint = await openPacked(
      layers.flatMap((layer) => layer.tensors),
      { quantization },
    );
    expect(decoded(checkpoint, tensorNamed(checkpoint, 'a.weight'))).toEqual(layers[0]?.values);
    expect(decoded(checkpoint, tensorNamed(checkpoint, 'b.weight'))).toEqual(layers[1]?.values);
  });
});

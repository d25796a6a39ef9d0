// FP8, MXFP4 and NVFP4 weights with their scales as logical tensors.

import { describe, expect, test } from 'vitest';
import { fixtureTensor, type PackedLayer } from '../../../fixtures/packed/packedLayer.ts';
import {
  deepSeekExpert,
  type Fp8Options,
  fp8Layer,
  gptOssExperts,
  mxfp4Layer,
  mxfp8Layer,
  nvfp4Layer,
} from '../../../fixtures/packed/smallFloatLayers.ts';
import { checkLayer, openPacked } from './openPacked.ts';

function check(
  layer: PackedLayer,
  name: string,
  dtype: string,
  scheme: string,
  config?: Record<string, unknown>,
): Promise<void> {
  return checkLayer(layer, { name, dtype, scheme }, config);
}

describe('FP8', () => {
  const all = Number.POSITIVE_INFINITY;
  const cases: readonly [string, Omit<Fp8Options, 'name'> & { name?: string }, string][] = [
    [
      'per tensor',
      { scaleName: 'a.weight_scale', shape: [24, 48], scaleShape: [], rowGroup: all, columnGroup: all },
      'per tensor',
    ],
    [
      'per channel',
      { scaleName: 'a.weight_scale', shape: [24, 48], scaleShape: [24, 1], rowGroup: 1, columnGroup: all },
      'per channel',
    ],
    [
      'per channel, a vector',
      { scaleName: 'a.weight_scale', shape: [24, 48], scaleShape: [24], rowGroup: 1, columnGroup: all },
      'per channel',
    ],
    [
      'blocks',
      { scaleName: 'a.weight_scale_inv', shape: [192, 256], scaleShape: [2, 2], rowGroup: 128, columnGroup: 128 },
      'blocks of 128 × 128',
    ],
    [
      'blocks beside "weight"',
      { scaleName: 'a.scale', shape: [256, 192], scaleShape: [2, 2], rowGroup: 128, columnGroup: 128 },
      'blocks of 128 × 128',
    ],
    [
      'experts in blocks',
      {
        name: 'a.gate_up_proj',
        scaleName: 'a.gate_up_proj_scale_inv',
        shape: [3, 256, 128],
        scaleShape: [3, 2, 1],
        rowGroup: 128,
        columnGroup: 128,
      },
      'blocks of 128 × 128',
    ],
    [
      'one scale for an expert',
      {
        name: 'a.down_proj',
        scaleName: 'a.down_proj_scale',
        shape: [3, 8, 16],
        scaleShape: [3, 1, 1],
        rowGroup: 8,
        columnGroup: all,
      },
      'per expert',
    ],
  ];
  test.each(cases)('%s', async (_, options, scheme) => {
    const layer = fp8Layer({ name: 'a.weight', ...options });
    await check(layer, options.name ?? 'a.weight', 'FP8', `FP8 E4M3, ${scheme}`);
  });

  test('block sizes of the configuration decide where shapes leave a choice', async () => {
    const layer = fp8Layer({
      name: 'a.weight',
      scaleName: 'a.weight_scale_inv',
      shape: [100, 96],
      scaleShape: [2, 2],
      rowGroup: 64,
      columnGroup: 64,
    });
    const config = { quantization_config: { quant_method: 'fp8', weight_block_size: [64, 64] } };
    await check(layer, 'a.weight', 'FP8', 'FP8 E4M3, blocks of 64 × 64', config);
  });

  test('scales of activations belong to the layer; FP8 without scales is plain', async () => {
    const layer = fp8Layer({
      name: 'a.weight',
      scaleName: 'a.weight_scale',
      shape: [8, 16],
      scaleShape: [1],
      rowGroup: Infinity,
      columnGroup: Infinity,
    });
    const input = fixtureTensor('a.input_scale', 'F32', [], Float32Array.of(3));
    await check({ ...layer, tensors: [...layer.tensors, input] }, 'a.weight', 'FP8', 'FP8 E4M3, per tensor');
    const plain = await openPacked(layer.tensors.slice(0, 1));
    expect(plain.tensors[0]).toMatchObject({ name: 'a.weight', dtype: 'F8_E4M3' });
    expect(plain.tensors[0]).not.toHaveProperty('storage');
    expect(plain.warnings).toEqual([]);
  });

  test('MXFP8', async () => {
    await check(mxfp8Layer('a', 6, 64), 'a.weight', 'FP8', 'MXFP8 E4M3, groups of 32');
  });
});

describe('FP4', () => {
  test('experts of gpt-oss, [E, N, K]', async () => {
    const name = 'model.layers.1.mlp.experts.gate_up_proj';
    await check(gptOssExperts(name, 3, 8, 64), name, 'MXFP4', 'MXFP4, groups of 32');
  });

  test('experts of gpt-oss as first published, with dots', async () => {
    const { tensors, ...layer } = gptOssExperts('block.1.mlp.mlp1_weight', 2, 8, 64);
    const dotted = tensors.map((tensor) => ({ ...tensor, name: tensor.name.replace(/_(blocks|scales)$/, '.$1') }));
    await check({ ...layer, tensors: dotted }, 'block.1.mlp.mlp1_weight', 'MXFP4', 'MXFP4, groups of 32');
  });

  test('mxfp4-pack-quantized', async () => {
    await check(mxfp4Layer('a', 6, 64), 'a.weight', 'MXFP4', 'MXFP4, groups of 32');
  });

  test.each(['I8', 'F4'] as const)('experts of DeepSeek in %s', async (dtype) => {
    await check(deepSeekExpert('a', dtype, 6, 64), 'a.weight', 'MXFP4', 'MXFP4, groups of 32');
  });

  test.each(['compressed-tensors', 'ModelOpt'] as const)('NVFP4 of %s', async (writer) => {
    await check(nvfp4Layer('a', writer, 6, 64), 'a.weight', 'NVFP4', 'NVFP4, groups of 16');
  });
});

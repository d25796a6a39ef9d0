// bitsandbytes weights as logical tensors.

import { describe, expect, test } from 'vitest';
import { bitsandbytes4Layer, bitsandbytes8Layer } from '../../../fixtures/packed/bitsandbytesLayer.ts';
import { checkLayer, decoded, openPacked, storedBytes, tensorNamed } from './openPacked.ts';

const module = 'model.layers.0.mlp.up_proj';
const name = `${module}.weight`;

describe('4 bit', () => {
  test.each(['nf4', 'fp4'] as const)('%s, high nibble first', async (type) => {
    const layer = bitsandbytes4Layer({ module, type, shape: [32, 96], blocksize: 64 });
    await checkLayer(layer, {
      name,
      dtype: type.toUpperCase(),
      scheme: `bitsandbytes ${type.toUpperCase()}, blocks of 64`,
    });
  });

  test('double quantized: 300 blocks under two absmax of their own', async () => {
    const layer = bitsandbytes4Layer({ module, type: 'nf4', shape: [75, 256], blocksize: 64, nested: true });
    await checkLayer(layer, { name, dtype: 'NF4', scheme: 'bitsandbytes NF4, blocks of 64, double quantized' });
    const uneven = bitsandbytes4Layer({ module, type: 'nf4', shape: [75, 255], blocksize: 64, nested: true });
    await checkLayer(uneven, { name, dtype: 'NF4', scheme: 'bitsandbytes NF4, blocks of 64, double quantized' });
  });

  test('a last block that is not full, across rows, and an odd number of elements', async () => {
    const layer = bitsandbytes4Layer({ module, type: 'nf4', shape: [21, 31], blocksize: 64 });
    await checkLayer(layer, { name, dtype: 'NF4', scheme: 'bitsandbytes NF4, blocks of 64' });
  });

  test('codes stored under BF16, as sharded training has them', async () => {
    const layer = bitsandbytes4Layer({ module, type: 'nf4', shape: [32, 96], blocksize: 128, storage: 'BF16' });
    await checkLayer(layer, { name, dtype: 'NF4', scheme: 'bitsandbytes NF4, blocks of 128' });
  });

  test('a part that is missing leaves the others as they are stored', async () => {
    const layer = bitsandbytes4Layer({ module, type: 'nf4', shape: [32, 96], blocksize: 64 });
    const checkpoint = await openPacked(layer.tensors.filter((tensor) => !tensor.name.endsWith('quant_map')));
    expect(checkpoint.tensors).toHaveLength(3);
    expect(checkpoint.warnings).toHaveLength(1);
    expect(checkpoint.warnings[0]).toContain('their quant_map is missing');
  });
});

describe('8 bit', () => {
  test('rows scaled by SCB / 127', async () => {
    const layer = bitsandbytes8Layer(module, 24, 40);
    const checkpoint = await openPacked(layer.tensors);
    expect(checkpoint.tensors).toHaveLength(1);
    const weight = tensorNamed(checkpoint, name);
    expect(weight).toMatchObject({ dtype: 'INT8', shape: [24, 40], bytes: storedBytes(layer.tensors) });
    // 1/127 is not exact: two roundings.
    decoded(checkpoint, weight).forEach((value, at) => {
      expect(Math.abs(value - (layer.values[at] ?? 0))).toBeLessThanOrEqual(Math.abs(value) * 2 ** -22);
    });
  });

  test('tiled layouts of old GPUs stay as they are stored', async () => {
    const checkpoint = await openPacked(bitsandbytes8Layer(module, 24, 40, 2).tensors);
    expect(checkpoint.tensors).toHaveLength(3);
    expect(checkpoint.warnings[0]).toContain('only int8 weights in rows');
  });
});

// compressed-tensors' integer formats as logical tensors.

import { describe, expect, test } from 'vitest';
import {
  type CompressedOptions,
  intQuantizedLayer,
  packQuantizedLayer,
} from '../../../fixtures/packed/compressedTensorsLayer.ts';
import { fixtureTensor } from '../../../fixtures/packed/packedLayer.ts';
import { decoded, openPacked, storedBytes, tensorNamed } from './openPacked.ts';

const MODULE = 'model.layers.0.mlp.down_proj';
const base: CompressedOptions = { module: MODULE, bits: 4, rows: 40, columns: 128, strategy: 'group', groupSize: 32 };

function config(...schemes: object[]): object {
  const groups = Object.fromEntries(schemes.map((weights, at) => [`group_${at}`, { targets: ['Linear'], weights }]));
  return { quant_method: 'compressed-tensors', format: 'pack-quantized', config_groups: groups };
}

async function check(options: CompressedOptions, scheme: string): Promise<void> {
  const layer = packQuantizedLayer(options);
  const weights = { num_bits: options.bits, group_size: options.strategy === 'group' ? options.groupSize : null };
  const checkpoint = await openPacked(layer.tensors, { quantization_config: config(weights) });
  expect(checkpoint.warnings).toEqual([]);
  expect(checkpoint.tensors).toHaveLength(1);
  const weight = tensorNamed(checkpoint, `${MODULE}.weight`);
  expect(weight).toMatchObject({
    dtype: `INT${options.bits}`,
    shape: layer.shape,
    bytes: storedBytes(layer.tensors),
    storage: { scheme: `compressed-tensors, ${options.bits} bit, ${scheme}` },
  });
  expect(decoded(checkpoint, weight)).toEqual(layer.values);
}

describe('pack-quantized', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('%i bit: dense and older packing, symmetric and not', async (bits) => {
    for (const packing of ['dense', 'slots'] as const) {
      for (const asymmetric of [false, true]) await check({ ...base, bits, packing, asymmetric }, 'groups of 32');
    }
  });

  test('per channel and per tensor', async () => {
    await check({ ...base, strategy: 'channel' }, 'per channel');
    await check({ ...base, strategy: 'channel', asymmetric: true, bits: 6 }, 'per channel');
    await check({ ...base, strategy: 'tensor' }, 'per tensor');
  });

  test('act-order', async () => {
    const groupOf = Array.from({ length: 128 }, (_, column) => (column * 5) % 4);
    await check({ ...base, groupOf, asymmetric: true }, 'groups of 32, act-order');
  });

  test('stacked experts', async () => {
    await check({ ...base, experts: 3 }, 'groups of 32');
    await check({ ...base, experts: 3, rows: 32, bits: 3, asymmetric: true }, 'groups of 32');
  });

  test('columns that do not fill their last word or group', async () => {
    await check({ ...base, columns: 100, bits: 5 }, 'groups of 32');
  });

  test('schemes of their own are told apart by their words', async () => {
    const layers = [4, 8, 3].map((bits) => packQuantizedLayer({ ...base, module: `m${bits}`, bits }));
    const mixed = {
      ...config(...[4, 8, 3].map((num_bits) => ({ num_bits, group_size: 32 }))),
      format: 'mixed-precision',
    };
    const checkpoint = await openPacked(
      layers.flatMap((layer) => layer.tensors),
      { quantization_config: mixed },
    );
    expect(checkpoint.tensors.map(({ name, dtype }) => [name, dtype])).toEqual([
      ['m4.weight', 'INT4'],
      ['m8.weight', 'INT8'],
      ['m3.weight', 'INT3'],
    ]);
    layers.forEach((layer, at) => {
      expect(decoded(checkpoint, tensorNamed(checkpoint, `m${[4, 8, 3][at]}.weight`))).toEqual(layer.values);
    });
  });

  test('without configuration the shapes tell', async () => {
    const layer = packQuantizedLayer({ ...base, bits: 3 });
    const checkpoint = await openPacked(layer.tensors);
    expect(decoded(checkpoint, tensorNamed(checkpoint, `${MODULE}.weight`))).toEqual(layer.values);
  });
});

describe('int-quantized', () => {
  test.each([
    [1, false, 'per channel'],
    [4, true, 'groups of 32'],
  ])('%i groups, zero points %s', async (groups, zeroPoints, scheme) => {
    const layer = intQuantizedLayer(MODULE, 24, 128, groups, zeroPoints);
    const checkpoint = await openPacked(layer.tensors, { quantization_config: config({ num_bits: 8 }) });
    expect(checkpoint.tensors).toHaveLength(1);
    const weight = tensorNamed(checkpoint, `${MODULE}.weight`);
    expect(weight).toMatchObject({ dtype: 'INT8', shape: [24, 128], bytes: storedBytes(layer.tensors) });
    expect(weight.storage).toMatchObject({ scheme: `compressed-tensors, 8 bit, ${scheme}` });
    expect(decoded(checkpoint, weight)).toEqual(layer.values);
  });
});

describe('formats with zeros left out', () => {
  test('stay as they are stored, with one warning', async () => {
    const sparse = ['a', 'b'].flatMap((module) => [
      fixtureTensor(`${module}.weight.bitmask`, 'U8', [8, 2], new Uint8Array(16)),
      fixtureTensor(`${module}.weight.compressed`, 'F16', [8, 8], new Uint16Array(64)),
    ]);
    const checkpoint = await openPacked(sparse, { quantization_config: { format: 'sparse-24-bitmask' } });
    expect(checkpoint.tensors).toHaveLength(4);
    expect(checkpoint.warnings).toEqual([
      '2 packed tensors listed as stored, "a.weight.bitmask" the first: sparse weights cannot be read',
    ]);
  });

  test('marlin-24 is told by its meta data', async () => {
    const tensors = [
      fixtureTensor(`${MODULE}.weight_packed`, 'I32', [4, 128], new Int32Array(512)),
      fixtureTensor(`${MODULE}.scale_packed`, 'F16', [1, 64], new Uint16Array(64)),
      fixtureTensor(`${MODULE}.meta`, 'I16', [4, 64], new Int16Array(256)),
    ];
    const checkpoint = await openPacked(tensors, { quantization_config: { format: 'marlin-24' } });
    expect(checkpoint.tensors).toHaveLength(3);
    expect(checkpoint.warnings[0]).toContain('2:4 sparse codes cannot be read');
  });
});

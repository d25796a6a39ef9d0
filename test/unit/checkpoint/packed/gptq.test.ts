// GPTQ and AWQ layers as logical tensors.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCheckpoint } from '../../../../core/checkpoint/open.ts';
import { awqLayer, type GptqOptions, gptqLayer } from '../../../fixtures/packed/gptqLayer.ts';
import { fixtureTensor } from '../../../fixtures/packed/packedLayer.ts';
import { decoded, openPacked, storedBytes, tensorNamed } from './openPacked.ts';

const MODULE = 'model.layers.3.self_attn.q_proj';
const base: GptqOptions = { module: MODULE, bits: 4, rows: 64, columns: 96, groupSize: 32, version: 1 };
const config = (entries: object) => ({ quantization_config: { quant_method: 'gptq', ...entries } });
const bias = fixtureTensor(`${MODULE}.bias`, 'F16', [64], new Uint16Array(64));

describe('GPTQ', () => {
  test.each([2, 3, 4, 8] as const)('%i bit, both zero point formats', async (bits) => {
    for (const version of [1, 2] as const) {
      const layer = gptqLayer({ ...base, bits, version });
      const entries = { bits, group_size: 32, checkpoint_format: version === 1 ? 'gptq' : 'gptq_v2' };
      const checkpoint = await openPacked([...layer.tensors, bias], config(entries));
      expect(checkpoint.warnings).toEqual([]);
      expect(checkpoint.tensors.map(({ name }) => name)).toEqual([`${MODULE}.weight`, `${MODULE}.bias`]);
      const weight = tensorNamed(checkpoint, `${MODULE}.weight`);
      expect(weight).toMatchObject({
        dtype: `INT${bits}`,
        shape: [64, 96],
        elements: 64 * 96,
        bytes: storedBytes(layer.tensors),
        role: 'attention.q',
        layer: 3,
      });
      expect(decoded(checkpoint, weight)).toEqual(layer.values);
    }
  });

  test('without configuration: v1, shapes tell the rest', async () => {
    const layer = gptqLayer({ ...base, symmetric: true });
    const checkpoint = await openPacked(layer.tensors);
    const weight = tensorNamed(checkpoint, `${MODULE}.weight`);
    expect(weight.storage).toMatchObject({ scheme: 'GPTQ v1, 4 bit, groups of 32' });
    expect(decoded(checkpoint, weight)).toEqual(layer.values);
  });

  test('act-order lists the group of every column', async () => {
    const groupOf = Array.from({ length: 96 }, (_, column) => (column * 7) % 3);
    const layer = gptqLayer({ ...base, groupOf });
    const checkpoint = await openPacked(layer.tensors, config({ bits: 4, group_size: 32, desc_act: true }));
    const weight = tensorNamed(checkpoint, `${MODULE}.weight`);
    expect(weight.storage).toMatchObject({ scheme: 'GPTQ v1, 4 bit, groups of 32, act-order' });
    expect(decoded(checkpoint, weight)).toEqual(layer.values);
  });

  test('a list that only repeats the order is no act-order, and is not read when the configuration says so', async () => {
    const layer = gptqLayer(base);
    const read = await openPacked(layer.tensors, config({ bits: 4, group_size: 32, desc_act: true }));
    const trusted = await openPacked(layer.tensors, config({ bits: 4, group_size: 32, desc_act: false }));
    for (const checkpoint of [read, trusted]) {
      const { storage } = tensorNamed(checkpoint, `${MODULE}.weight`);
      expect(storage).not.toHaveProperty('columnGroups');
      expect(storage).toMatchObject({ zeroOffset: 1, zero: { columnGroup: 32 } });
    }
    const configBytes = JSON.stringify({ desc_act: true }).length - JSON.stringify({ desc_act: false }).length;
    expect(read.bytesRead - trusted.bytesRead).toBe(96 * 4 + configBytes);
  });

  test('a last group that is not full, one group for all, and layers with bits of their own', async () => {
    const layers = [
      gptqLayer({ ...base, module: 'a', groupSize: 40 }),
      gptqLayer({ ...base, module: 'b', groupSize: 96, bits: 8 }),
    ];
    const dynamic = { '+:b': { bits: 8, group_size: -1 } };
    const tensors = layers.flatMap((layer) => layer.tensors);
    const checkpoint = await openPacked(tensors, config({ bits: 4, group_size: 40, dynamic }));
    for (const [at, name] of ['a.weight', 'b.weight'].entries()) {
      expect(decoded(checkpoint, tensorNamed(checkpoint, name))).toEqual(layers[at]?.values);
    }
    expect(tensorNamed(checkpoint, 'b.weight').storage).toMatchObject({ scheme: 'GPTQ v1, 8 bit, per channel' });
  });

  test.each([
    [{ checkpoint_format: 'gptq_p' }, 'format is not known'],
    [{ checkpoint_format: { deep: [] } }, null],
    [{ quant_method: 'something-else' }, 'quantization method is not known'],
    [{ quant_method: 'intel/auto-round', packing_format: 'auto_round:auto_gptq' }, null],
    [{ bits: 'four', group_size: -9e99, desc_act: 'perhaps', dynamic: 'x' }, null],
    [{ bits: 1e9, group_size: 0 }, null],
  ])('configuration %j', async (entries, warning) => {
    const layer = gptqLayer(base);
    const checkpoint = await openPacked(layer.tensors, config(entries));
    if (warning === null) {
      expect(decoded(checkpoint, tensorNamed(checkpoint, `${MODULE}.weight`))).toEqual(layer.values);
    } else {
      expect(checkpoint.tensors.map(({ name }) => name)).toEqual(layer.tensors.map(({ name }) => name));
      expect(checkpoint.warnings).toHaveLength(1);
      expect(checkpoint.warnings[0]).toContain(warning);
    }
  });

  test('codes in other words stay as they are, with one warning for all of them', async () => {
    const tensors = ['a', 'b', 'c'].flatMap((module) => [
      fixtureTensor(`${module}.qweight`, 'I64', [4, 8], new BigInt64Array(32)),
      fixtureTensor(`${module}.scales`, 'F16', [1, 8], new Uint16Array(8)),
    ]);
    const checkpoint = await openPacked(tensors, config({ bits: 4, pack_dtype: 'int64' }));
    expect(checkpoint.tensors).toHaveLength(6);
    expect(checkpoint.warnings).toEqual([
      '3 packed tensors listed as stored, "a.qweight" the first: GPTQ codes in I64 words cannot be read, only I32',
    ]);
  });

  test('the configuration is part of the fingerprint, for it decides what the codes mean', async () => {
    const layer = gptqLayer(base);
    const first = await openPacked(layer.tensors, config({ checkpoint_format: 'gptq' }));
    const again = await openCheckpoint(first.path);
    writeFileSync(join(first.path, 'config.json'), JSON.stringify(config({ checkpoint_format: 'gptq_v2' })));
    const changed = await openCheckpoint(first.path);
    expect(tensorNamed(changed, `${MODULE}.weight`).storage).toMatchObject({ zeroOffset: 0 });
    expect(again.fingerprint).toBe(first.fingerprint);
    expect(changed.fingerprint).not.toBe(first.fingerprint);
  });
});

describe('AWQ', () => {
  const layer = awqLayer(MODULE, 48, 128, 32);

  test.each([
    ['named by the configuration', { quantization_config: { quant_method: 'awq', bits: 4, version: 'gemm' } }],
    ['told by shapes', undefined],
  ])('GEMM layout, %s', async (_, awqConfig) => {
    const checkpoint = await openPacked(layer.tensors, awqConfig);
    const weight = tensorNamed(checkpoint, `${MODULE}.weight`);
    expect(weight).toMatchObject({ dtype: 'INT4', shape: [48, 128], bytes: storedBytes(layer.tensors) });
    expect(weight.storage).toMatchObject({ scheme: 'AWQ, 4 bit, groups of 32' });
    expect(decoded(checkpoint, weight)).toEqual(layer.values);
  });

  test('other layouts stay as they are stored', async () => {
    const gemv = { quantization_config: { quant_method: 'awq', bits: 4, version: 'gemv' } };
    const checkpoint = await openPacked(layer.tensors, gemv);
    expect(checkpoint.tensors).toHaveLength(3);
    expect(checkpoint.warnings).toHaveLength(1);
    expect(checkpoint.warnings[0]).toContain('only the GEMM layout');
  });
});

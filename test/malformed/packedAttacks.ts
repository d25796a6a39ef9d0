// Packed weights whose parts contradict each other or their configuration: one folder for each way.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../core/base/errors.ts';
import { bitsandbytes4Layer, bitsandbytes8Layer } from '../fixtures/packed/bitsandbytesLayer.ts';
import { packQuantizedLayer } from '../fixtures/packed/compressedTensorsLayer.ts';
import { awqLayer, type GptqOptions, gptqLayer } from '../fixtures/packed/gptqLayer.ts';
import { hqqLayer } from '../fixtures/packed/hqqLayer.ts';
import { mlxLayer } from '../fixtures/packed/mlxLayer.ts';
import { fixtureTensor, type PackedLayer } from '../fixtures/packed/packedLayer.ts';
import { fp8Layer, gptOssExperts, nvfp4Layer } from '../fixtures/packed/smallFloatLayers.ts';
import { type FixtureTensor, writeSafetensors } from '../fixtures/writeSafetensors.ts';
import type { Attack } from './attack.ts';

type Config = Readonly<Record<string, unknown>> | string;

/** A folder with a layer, some of its tensors replaced or left out, and a configuration. */
function attack(
  name: string,
  layer: PackedLayer,
  changes: Readonly<Record<string, Partial<FixtureTensor> | null>>,
  config?: Config,
  code: ErrorCode = 'PACKING_INVALID',
): Attack {
  return {
    name: `packed-${name}`,
    code,
    write(folder) {
      const tensors = layer.tensors.flatMap((tensor) => {
        const change = changes[tensor.name];
        return change === null ? [] : [{ ...tensor, ...change }];
      });
      const added = Object.entries(changes).filter(([added]) => !layer.tensors.some((tensor) => tensor.name === added));
      const more = added.map(([added, tensor]) => ({
        ...fixtureTensor(added, 'U8', [1], Uint8Array.of(0)),
        ...tensor,
      }));
      writeSafetensors(join(folder, 'model.safetensors'), [...tensors, ...more]);
      if (config !== undefined) {
        writeFileSync(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
      }
      return folder;
    },
  };
}

const gptqOptions: GptqOptions = { module: 'm', bits: 4, rows: 32, columns: 64, groupSize: 32, version: 1 };
const gptq = gptqLayer(gptqOptions);
const awq = awqLayer('m', 32, 64, 32);
const compressed = packQuantizedLayer({
  module: 'm',
  bits: 4,
  rows: 32,
  columns: 64,
  strategy: 'group',
  groupSize: 32,
});
const asymmetric = packQuantizedLayer({
  ...{ module: 'm', bits: 4, rows: 32, columns: 64, groupSize: 32 },
  strategy: 'group',
  asymmetric: true,
});
const reordered = packQuantizedLayer({
  ...{ module: 'm', bits: 4, rows: 32, columns: 64, groupSize: 32 },
  strategy: 'group',
  groupOf: Array.from({ length: 64 }, (_, column) => column % 2),
});
const nf4 = bitsandbytes4Layer({ module: 'm', type: 'nf4', shape: [32, 64], blocksize: 64 });
const nested = bitsandbytes4Layer({ module: 'm', type: 'nf4', shape: [32, 64], blocksize: 64, nested: true });
const hqq = hqqLayer({ module: 'm', bits: 4, shape: [32, 64], groupSize: 32, axis: 1 });
const mlx = mlxLayer({ module: 'm', bits: 4, groupSize: 64, shape: [32, 128] });
const blocks = gptOssExperts('m', 2, 8, 64);
const nvfp4 = nvfp4Layer('m', 'compressed-tensors', 8, 64);
const fp8 = fp8Layer({
  ...{ name: 'm.weight', scaleName: 'm.weight_scale_inv', shape: [256, 256], scaleShape: [2, 2] },
  ...{ rowGroup: 128, columnGroup: 128 },
});

const halves = (...shape: number[]) => ({ shape, data: new Uint16Array(shape.reduce((size, next) => size * next, 1)) });
const words = (...shape: number[]) => ({ shape, data: new Int32Array(shape.reduce((size, next) => size * next, 1)) });
const list = (...start: number[]) => ({ data: Int32Array.from({ length: 64 }, (_, at) => start[at] ?? 0) });
const shapeOf = (...sizes: (number | bigint)[]) => ({
  shape: [sizes.length],
  data: BigInt64Array.from(sizes, BigInt),
});
const state = (name: string, entries: Readonly<Record<string, unknown>>): Attack =>
  attack(
    `bnb-${name}`,
    bitsandbytes4Layer({ module: 'm', type: 'nf4', shape: [32, 64], blocksize: 64, state: entries }),
    {},
  );
const json = (text: string) => {
  const data = new TextEncoder().encode(text);
  return { 'm.weight.quant_state.bitsandbytes__nf4': { shape: [data.length], data } };
};
const actOrder = { quantization_config: { quant_method: 'gptq', bits: 4, group_size: 32, desc_act: true } };

export const PACKED_ATTACKS: readonly Attack[] = [
  // GPTQ and AWQ
  attack('gptq-scales-of-other-outputs', gptq, { 'm.scales': halves(2, 31) }),
  attack('gptq-scales-of-no-group', gptq, { 'm.scales': halves(0, 32), 'm.qzeros': words(0, 4) }),
  attack('gptq-groups-do-not-divide', gptq, { 'm.scales': halves(3, 32), 'm.qzeros': words(3, 4) }),
  attack('gptq-more-groups-than-columns', gptq, { 'm.scales': halves(65, 32), 'm.qzeros': words(65, 4) }),
  attack('gptq-zero-points-of-other-bits', gptq, { 'm.qzeros': words(2, 9) }),
  attack('gptq-zero-points-of-other-groups', gptq, { 'm.qzeros': words(1, 4) }),
  attack('gptq-bits-32', gptq, { 'm.qzeros': words(2, 32) }),
  attack('gptq-bits-0', gptq, { 'm.qzeros': words(2, 0) }),
  attack('gptq-no-codes', gptq, { 'm.qweight': words(0, 32) }),
  attack('gptq-scales-are-integers', gptq, { 'm.scales': { ...words(2, 32), dtype: 'I32' } }),
  attack('gptq-list-too-short', gptq, { 'm.g_idx': words(63) }),
  attack('gptq-list-of-halves', gptq, { 'm.g_idx': { ...halves(64), dtype: 'F16' } }),
  attack('gptq-list-beyond-groups', gptq, { 'm.g_idx': list(0, 2) }, actOrder),
  attack('gptq-list-negative', gptq, { 'm.g_idx': list(0, -2) }, actOrder),
  attack('gptq-list-2^31-1', gptq, { 'm.g_idx': list(2 ** 31 - 1) }, actOrder),
  attack('gptq-beside-its-weight', gptq, { 'm.weight': { ...halves(32, 64), dtype: 'F16' } }),
  attack(
    'gptq-bits-of-the-configuration-only',
    gptq,
    { 'm.qzeros': null, 'm.g_idx': null },
    { quantization_config: { quant_method: 'gptq', bits: 2 ** 40, group_size: -5 } },
  ),
  attack('awq-scales-mismatch', awq, { 'm.scales': halves(2, 33) }, { quantization_config: { quant_method: 'awq' } }),
  attack('awq-no-groups', awq, { 'm.scales': halves(0, 32), 'm.qzeros': words(0, 4) }),
  attack('awq-zero-points-mismatch', awq, { 'm.qzeros': words(1, 4) }),

  // compressed-tensors
  attack('ct-shape-negative', compressed, { 'm.weight_shape': shapeOf(-32, 64) }),
  attack('ct-shape-zero', compressed, { 'm.weight_shape': shapeOf(32, 0) }),
  attack('ct-shape-2^62', compressed, { 'm.weight_shape': shapeOf(2n ** 62n, 64n) }),
  attack('ct-shape-of-other-rows', compressed, { 'm.weight_shape': shapeOf(31, 64) }),
  attack('ct-shape-of-other-rank', compressed, { 'm.weight_shape': shapeOf(32, 64, 1) }),
  attack('ct-no-width-fits', compressed, { 'm.weight_shape': shapeOf(32, 2 ** 40) }),
  attack('ct-scales-mismatch', compressed, { 'm.weight_scale': halves(31, 2) }),
  attack('ct-scales-empty', compressed, { 'm.weight_scale': halves(32, 0) }),
  attack('ct-scales-of-three-dimensions', compressed, { 'm.weight_scale': halves(32, 2, 1) }),
  attack('ct-zero-points-unpacked', asymmetric, { 'm.weight_zero_point': words(32, 2) }),
  attack('ct-zero-points-are-bytes', asymmetric, {
    'm.weight_zero_point': { dtype: 'I8', shape: [4, 2], data: new Int8Array(8) },
  }),
  attack('ct-list-beyond-groups', reordered, { 'm.weight_g_idx': list(0, 7) }),
  attack('nvfp4-global-scales-mismatch', nvfp4, {
    'm.weight_global_scale': { shape: [3], data: new Float32Array(3) },
  }),
  attack('nvfp4-scales-mismatch', nvfp4, { 'm.weight_scale': { shape: [8, 5], data: new Uint8Array(40) } }),

  // FP8, MXFP4
  attack('fp8-blocks-mismatch', fp8, { 'm.weight_scale_inv': { shape: [3, 2, 2], data: new Float32Array(12) } }),
  attack('fp8-blocks-empty', fp8, { 'm.weight_scale_inv': { shape: [0, 2], data: new Float32Array(0) } }),
  attack('fp8-scales-are-words', fp8, { 'm.weight_scale_inv': { dtype: 'I32' } }),
  attack('mxfp4-blocks-of-17', blocks, { m_blocks: { shape: [2, 8, 2, 17], data: new Uint8Array(544) } }),
  attack('mxfp4-scales-mismatch', blocks, { m_scales: { shape: [2, 8, 3], data: new Uint8Array(48) } }),
  attack(
    'mxfp4-named-prototype',
    blocks,
    {
      m_blocks: { name: '__proto___blocks' },
      m_scales: { name: '__proto___scales' },
    },
    undefined,
    'NAME_INVALID',
  ),

  // bitsandbytes
  state('shape-of-other-size', { shape: [32, 65] }),
  state('shape-empty', { shape: [] }),
  state('shape-negative', { shape: [-32, -64] }),
  state('shape-overflow', { shape: [2 ** 52, 2 ** 52, 2 ** 52] }),
  state('shape-text', { shape: '32, 64' }),
  state('shape-of-9000-dimensions', { shape: Array.from({ length: 9000 }, () => 1) }),
  state('blocksize-0', { blocksize: 0 }),
  state('blocksize-negative', { blocksize: -64 }),
  state('blocksize-fraction', { blocksize: 0.5 }),
  state('blocksize-of-others', { blocksize: 128 }),
  state('type-of-others', { quant_type: 'fp4' }),
  attack('bnb-state-nested-deep', nf4, json('['.repeat(4000))),
  attack('bnb-state-a-megabyte', nf4, json(`{"shape":[${'1,'.repeat(500_000)}1]}`)),
  attack('bnb-state-no-object', nf4, json('null')),
  attack('bnb-state-prototype', nf4, json('{"__proto__":{"quant_type":"nf4","blocksize":64,"shape":[32,64]}}')),
  attack('bnb-state-not-utf8', nf4, {
    'm.weight.quant_state.bitsandbytes__nf4': { shape: [2], data: Uint8Array.of(0xff, 0xfe) },
  }),
  attack('bnb-table-of-8', nf4, { 'm.weight.quant_map': { shape: [8], data: new Float32Array(8) } }),
  attack('bnb-absmax-mismatch', nf4, { 'm.weight.absmax': { shape: [31], data: new Float32Array(31) } }),
  attack('bnb-nested-absmax-mismatch', nested, {
    'm.weight.nested_absmax': { shape: [2], data: new Float32Array(2) },
  }),
  attack('bnb-absmax-not-nested', nested, { 'm.weight.absmax': { dtype: 'F32', data: new Float32Array(32) } }),
  attack('bnb-int8-scales-mismatch', bitsandbytes8Layer('m', 8, 16), {
    'm.SCB': { shape: [9], data: new Float32Array(9) },
  }),

  // HQQ and MLX
  attack('hqq-shape-of-others', hqq, { 'm.shape': shapeOf(32, 65) }),
  attack('hqq-shape-negative', hqq, { 'm.shape': shapeOf(-32, -64) }),
  attack('hqq-axis-2', hqq, { 'm.axis': { data: Int32Array.of(2) } }),
  attack('hqq-packing-of-others', hqq, {
    'm.packing': { shape: [7], data: new TextEncoder().encode('3bit_32') },
  }),
  attack('hqq-zeros-mismatch', hqq, { 'm.zero': halves(63, 1) }),
  attack('hqq-shape-of-1000-numbers', hqq, { 'm.shape': { shape: [1000], data: new BigInt64Array(1000) } }),
  attack('mlx-scales-mismatch', mlx, { 'm.scales': halves(32, 3) }),
  attack('mlx-no-groups', mlx, { 'm.scales': halves(32, 0) }),
  attack('mlx-biases-mismatch', mlx, { 'm.biases': halves(31, 2) }),
  attack(
    'mlx-sizes-of-the-configuration',
    mlx,
    { 'm.scales': halves(32, 5) },
    { quantization: { bits: 4, group_size: 0 } },
  ),
];

// Packed layers with parts changed at random open and decode, or are refused by a code; nothing else ever happens.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { QuantscopeError } from '../../../../core/base/errors.ts';
import { bitsandbytes4Layer, bitsandbytes8Layer } from '../../../fixtures/packed/bitsandbytesLayer.ts';
import { intQuantizedLayer, packQuantizedLayer } from '../../../fixtures/packed/compressedTensorsLayer.ts';
import { awqLayer, gptqLayer } from '../../../fixtures/packed/gptqLayer.ts';
import { hqqLayer } from '../../../fixtures/packed/hqqLayer.ts';
import { mlxFloatLayer, mlxLayer } from '../../../fixtures/packed/mlxLayer.ts';
import { fp8Layer, gptOssExperts, mxfp4Layer, nvfp4Layer } from '../../../fixtures/packed/smallFloatLayers.ts';
import type { FixtureTensor } from '../../../fixtures/writeSafetensors.ts';
import { decoded, openPacked } from './openPacked.ts';

const RUNS = 400;
/** What a reader may say about such files. */
const CODES = ['PACKING_INVALID', 'SHAPE_INVALID', 'DUPLICATE_NAME', 'NAME_INVALID'];
/** Bytes of an element. */
const SIZES: Readonly<Record<string, number>> = {
  ...{ F32: 4, F16: 2, BF16: 2, F8_E4M3: 1, F8_E8M0: 1, I64: 8, I32: 4, U32: 4, I8: 1, U8: 1, BOOL: 1 },
};

const module = 'm';
const layers: readonly (readonly FixtureTensor[])[] = [
  gptqLayer({ module, bits: 4, rows: 32, columns: 64, groupSize: 32, version: 1 }),
  gptqLayer({ module, bits: 3, rows: 32, columns: 64, groupSize: 32, version: 2 }),
  awqLayer(module, 32, 64, 32),
  packQuantizedLayer({ module, bits: 3, rows: 16, columns: 64, strategy: 'group', groupSize: 32, asymmetric: true }),
  packQuantizedLayer({
    ...{ module, bits: 4, rows: 16, columns: 64, groupSize: 32, strategy: 'group' },
    groupOf: Array.from({ length: 64 }, (_, column) => column % 2),
  }),
  packQuantizedLayer({ module, bits: 4, experts: 3, rows: 8, columns: 64, strategy: 'channel' }),
  intQuantizedLayer(module, 8, 64, 2, true),
  bitsandbytes4Layer({ module, type: 'nf4', shape: [32, 64], blocksize: 64, nested: true }),
  bitsandbytes4Layer({ module, type: 'fp4', shape: [9, 17], blocksize: 32 }),
  bitsandbytes8Layer(module, 8, 16),
  fp8Layer({
    ...{ name: 'm.weight', scaleName: 'm.weight_scale_inv', shape: [2, 24, 48], scaleShape: [2, 1, 1] },
    ...{ rowGroup: 24, columnGroup: 48 },
  }),
  gptOssExperts('m', 2, 8, 64),
  mxfp4Layer(module, 8, 64),
  nvfp4Layer(module, 'ModelOpt', 8, 64),
  nvfp4Layer(module, 'compressed-tensors', 8, 64),
  hqqLayer({ module, bits: 3, shape: [32, 64], groupSize: 32, axis: 0 }),
  hqqLayer({ module, bits: 4, shape: [32, 64], groupSize: 32, axis: 1 }),
  mlxLayer({ module, bits: 5, groupSize: 32, shape: [2, 8, 64] }),
  mlxFloatLayer(module, 'nvfp4', 8, 64),
].map((layer) => layer.tensors);

interface Change {
  /** Tensor, counted round. */
  readonly at: number;
  readonly shape: readonly number[] | null;
  readonly dtype: string | null;
  readonly bytes: Uint8Array | null;
  readonly drop: boolean;
}

const zDimension = fc.oneof(fc.constantFrom(0, 1, 2, 3, 8, 16, 31, 32, 64), fc.nat(80));
const isSmall = (shape: readonly number[]): boolean => shape.reduce((product, size) => product * size, 1) < 1 << 14;
const zChange: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(20),
  shape: fc.option(fc.array(zDimension, { maxLength: 4 }).filter(isSmall)),
  dtype: fc.option(fc.constantFrom(...Object.keys(SIZES)), { freq: 1 }),
  bytes: fc.option(fc.uint8Array({ minLength: 1, maxLength: 16 })),
  drop: fc.boolean(),
});
const zValue = fc.oneof(
  fc.integer(),
  fc.string({ maxLength: 8 }),
  fc.constantFrom(null, true, -1, 0, 1e300, 'gptq_v2'),
);
const zConfig = fc.option(
  fc.record({
    quantization_config: fc.oneof(
      zValue,
      fc.dictionary(
        fc.constantFrom('quant_method', 'bits', 'group_size', 'desc_act', 'checkpoint_format', 'version', 'm', 'mode'),
        fc.oneof(zValue, fc.dictionary(fc.constantFrom('bits', 'group_size'), zValue)),
      ),
    ),
  }),
);

function changed(tensors: readonly FixtureTensor[], changes: readonly Change[]): FixtureTensor[] {
  return tensors.flatMap((tensor, index) => {
    const own = changes.filter((change) => change.at % tensors.length === index);
    if (own.some(({ drop, shape, bytes }) => drop && shape === null && bytes === null)) return [];
    return [own.reduce(apply, tensor)];
  });
}

/** Keeps the file valid: as many bytes as shape and dtype say, repeating the old ones. */
function apply(tensor: FixtureTensor, change: Change): FixtureTensor {
  const shape = change.shape ?? tensor.shape;
  const dtype = change.dtype ?? tensor.dtype;
  const old = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  const length = shape.reduce((product, size) => product * size, SIZES[dtype] ?? 1);
  const data = Uint8Array.from({ length }, (_, at) => old[at % Math.max(1, old.length)] ?? 0);
  if (change.bytes !== null) data.set(change.bytes.subarray(0, length));
  return { ...tensor, shape, dtype, data };
}

test('changed parts are read as they are or refused', async () => {
  let opened = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...layers),
      fc.array(zChange, { minLength: 1, maxLength: 3 }),
      zConfig,
      async (tensors, changes, config) => {
        try {
          const checkpoint = await openPacked(changed(tensors, changes), config ?? undefined);
          opened++;
          for (const tensor of checkpoint.tensors) {
            if (tensor.storage === undefined) continue;
            expect(decoded(checkpoint, tensor)).toHaveLength(tensor.elements);
          }
        } catch (error) {
          if (!(error instanceof QuantscopeError)) throw error;
          expect(CODES).toContain(error.code);
          refused++;
        }
      },
    ),
    { numRuns: RUNS, seed: 20 },
  );
  // Neither half of the property may go untested.
  expect(Math.min(opened, refused)).toBeGreaterThan(RUNS / 10);
}, 60_000);

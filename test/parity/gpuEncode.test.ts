// Quantizers on the adapter give the bytes of the TypeScript reference (which are ggml's: quantize.test.ts).

import { describe, expect, it } from 'vitest';
import { canGpuEncode, gpuEncode } from '../../core/kernels/gpu/encode.ts';
import { REFERENCE_QUANTIZERS } from '../../core/kernels/reference/quantizers.ts';
import { GGUF_TARGETS, type GgufTarget } from '../../core/quant/ggufTypes.ts';
import { dtypeInfo } from '../../core/tensor/dtype.ts';
import {
  GOLDEN_COLUMNS,
  GOLDEN_ROWS,
  INPUT_NAMES,
  mixedMagnitudes,
  quantizerInput,
} from '../fixtures/quantizerInputs.ts';
import { softwareGpu as gpu, openSoftwareGpu } from '../fixtures/softwareGpu.ts';

const TYPES = GGUF_TARGETS.filter((type) => canGpuEncode(type, false));

it('the types with one scale and minimum a block are there', () => {
  expect(TYPES).toEqual(expect.arrayContaining(['Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1']));
  expect(canGpuEncode('Q4_0', true)).toBe(false);
  expect(canGpuEncode('Q8_0', true)).toBe(true);
});

describe.runIf(gpu !== null).each(TYPES)('%s', (type) => {
  const both = async (values: Float32Array, rows: number, columns: number): Promise<[Uint8Array, Uint8Array]> => {
    if (gpu === null) throw new Error('no adapter');
    return [await gpuEncode(gpu, type, values, columns), REFERENCE_QUANTIZERS[type](values, rows, columns, null)];
  };

  it.each(INPUT_NAMES)('%s', async (input) => {
    const [fast, reference] = await both(quantizerInput(input), GOLDEN_ROWS, GOLDEN_COLUMNS);
    expect(firstDifference(type, fast, reference)).toBeNull();
  });

  it('from subnormal to nearly overflowing', async () => {
    for (let seed = 0; seed < 12; seed++) {
      const [fast, reference] = await both(mixedMagnitudes(seed, 2048), 2, 1024);
      expect(firstDifference(type, fast, reference), `seed ${seed}`).toBeNull();
    }
  });

  it('odd numbers of blocks', async () => {
    const { blockElements } = dtypeInfo(type);
    for (const blocks of [1, 3, 5]) {
      const [fast, reference] = await both(
        quantizerInput('heavyTailed', 3 * blocks * blockElements, blocks),
        3,
        blocks * blockElements,
      );
      expect(firstDifference(type, fast, reference)).toBeNull();
    }
  });

  it('in tiles', async () => {
    const tiled = await openSoftwareGpu(4096);
    if (tiled === null) return;
    await using small = tiled;
    const values = quantizerInput('gaussian', 7 * 768, 3);
    const bytes = await gpuEncode(small, type, values, 768);
    expect(firstDifference(type, bytes, REFERENCE_QUANTIZERS[type](values, 7, 768, null))).toBeNull();
  });
});

/** null when equal; else where they part. */
function firstDifference(type: GgufTarget, a: Uint8Array, b: Uint8Array): string | null {
  if (a.length !== b.length) return `${a.length} and ${b.length} bytes`;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  if (at < 0) return null;
  const { blockBytes } = dtypeInfo(type);
  return `block ${Math.floor(at / blockBytes)}, byte ${at % blockBytes}: ${a[at]} and ${b[at]}`;
}

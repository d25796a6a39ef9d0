// Quantizers on the adapter give the bytes of the TypeScript reference (which are ggml's: quantize.test.ts).

import { describe, expect, it, vi } from 'vitest';
import { canGpuEncode, gpuEncode } from '../../core/kernels/gpu/encode.ts';
import { REFERENCE_QUANTIZERS } from '../../core/kernels/reference/quantizers.ts';
import { GGUF_TARGETS, type GgufTarget } from '../../core/quant/ggufTypes.ts';
import { dtypeInfo } from '../../core/tensor/dtype.ts';
import {
  columnWeights,
  GOLDEN_COLUMNS,
  INPUT_NAMES,
  mixedMagnitudes,
  quantizerInput,
} from '../fixtures/quantizerInputs.ts';
import { softwareGpu as gpu, openSoftwareGpu } from '../fixtures/softwareGpu.ts';

/** Compiling for the processor, among other tests. */
vi.setConfig({ testTimeout: 180_000 });

const TYPES = GGUF_TARGETS.filter((type) => canGpuEncode(type, false));

it('the types that have kernels', () => {
  expect(TYPES).toEqual(expect.arrayContaining(['Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q4_K', 'Q6_K']));
  expect(canGpuEncode('Q4_0', true)).toBe(false);
  expect(canGpuEncode('Q8_0', true)).toBe(true);
});

describe.runIf(gpu !== null).each(TYPES)('%s', (type) => {
  const both = async (
    values: Float32Array,
    rows: number,
    columns: number,
    weights: Float32Array | null = null,
  ): Promise<[Uint8Array, Uint8Array]> => {
    if (gpu === null) throw new Error('no adapter');
    const fast = await gpuEncode(gpu, type, values, columns, weights);
    return [fast, REFERENCE_QUANTIZERS[type](values, rows, columns, weights)];
  };

  const everything = everyInput();
  const rows = everything.length / GOLDEN_COLUMNS;

  it(`${rows} rows of every kind, from subnormal to nearly overflowing`, async () => {
    const [fast, reference] = await both(everything, rows, GOLDEN_COLUMNS);
    expect(firstDifference(type, fast, reference)).toBeNull();
  });

  it.runIf(canGpuEncode(type, true)).each(['plain', 'sparse'] as const)(
    'the same with %s weights',
    async (weighting) => {
      const [fast, reference] = await both(everything, rows, GOLDEN_COLUMNS, columnWeights(weighting));
      expect(firstDifference(type, fast, reference)).toBeNull();
    },
  );

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

  // Compiled anew for every device: of the K types the one that takes seconds, not the one that takes a minute.
  it.runIf(type !== 'Q4_K')('in tiles', async () => {
    const tiled = await openSoftwareGpu(4096);
    if (tiled === null) return;
    await using small = tiled;
    const values = quantizerInput('gaussian', 7 * 768, 3);
    const bytes = await gpuEncode(small, type, values, 768);
    expect(firstDifference(type, bytes, REFERENCE_QUANTIZERS[type](values, 7, 768, null))).toBeNull();
  });
});

/** One dispatch: drivers take seconds to compile a K type's kernel, once. */
function everyInput(): Float32Array {
  const parts = [
    ...INPUT_NAMES.map((name) => quantizerInput(name)),
    ...Array.from({ length: 12 }, (_, seed) => mixedMagnitudes(seed, 4 * GOLDEN_COLUMNS)),
  ];
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => {
    all.set(part, at);
    return at + part.length;
  }, 0);
  return all;
}

/** null when equal; else where they part. */
function firstDifference(type: GgufTarget, a: Uint8Array, b: Uint8Array): string | null {
  if (a.length !== b.length) return `${a.length} and ${b.length} bytes`;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  if (at < 0) return null;
  const { blockBytes } = dtypeInfo(type);
  return `block ${Math.floor(at / blockBytes)}, byte ${at % blockBytes}: ${a[at]} and ${b[at]}`;
}

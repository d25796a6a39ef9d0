// Quantizers on the adapter give the bytes of the TypeScript reference (which are ggml's: quantize.test.ts).

import { afterAll, describe, expect, it, vi } from 'vitest';
import { canGpuEncode, gpuEncode } from '../../core/kernels/gpu/encode.ts';
import { REFERENCE_QUANTIZERS } from '../../core/kernels/reference/quantizers.ts';
import { GGUF_TARGETS, type GgufTarget } from '../../core/quant/ggufTypes.ts';
import { dtypeInfo } from '../../core/tensor/dtype.ts';
import { EDGES, edgeMatrix, wrappedScale } from '../fixtures/quantizerEdges.ts';
import {
  columnWeights,
  GOLDEN_COLUMNS,
  INPUT_NAMES,
  mixedMagnitudes,
  quantizerInput,
  uniforms,
  WEIGHTINGS,
} from '../fixtures/quantizerInputs.ts';
import { openSoftwareGpu } from '../fixtures/softwareGpu.ts';

/** Compiling for the processor, among other tests. */
vi.setConfig({ testTimeout: 180_000 });

/** A quarter of which is values: tiles of five super-blocks, which begin and end within rows, or of two rows. */
const TILE_BYTES = 20 * 1024;
const gpu = await openSoftwareGpu(TILE_BYTES);
afterAll(() => gpu?.[Symbol.asyncDispose]());

const TYPES = GGUF_TARGETS.filter(canGpuEncode);

it('every block type has kernels', () => {
  expect(TYPES).toEqual(GGUF_TARGETS.filter((type) => dtypeInfo(type).kind === 'block'));
});

async function expectReference(
  type: GgufTarget,
  values: Float32Array,
  columns: number,
  weights: Float32Array | null,
): Promise<void> {
  if (gpu === null) return;
  const got = await gpuEncode(gpu, type, values, columns, weights);
  const want = REFERENCE_QUANTIZERS[type](values, values.length / columns, columns, weights);
  expect(firstDifference(type, got, want)).toBeNull();
}

describe.runIf(gpu !== null).each(TYPES)('%s', (type) => {
  it.each(WEIGHTINGS)('rows of every kind, from subnormal to nearly overflowing, weights: %s', async (weighting) => {
    await expectReference(type, EVERY_ROW, GOLDEN_COLUMNS, columnWeights(weighting));
  });

  it('weights of any magnitude', async () => {
    const values = join([mixedMagnitudes(1, GOLDEN_COLUMNS), quantizerInput('heavyTailed', GOLDEN_COLUMNS)]);
    const next = uniforms(3);
    const weights = Float32Array.from({ length: GOLDEN_COLUMNS }, () => 2 ** Math.floor(next() * 276 - 149));
    await expectReference(type, values, GOLDEN_COLUMNS, weights);
  });

  it('odd numbers of blocks', async () => {
    const { blockElements } = dtypeInfo(type);
    for (const blocks of [1, 3]) {
      const columns = blocks * blockElements;
      await expectReference(type, quantizerInput('heavyTailed', 3 * columns, blocks), columns, null);
    }
  });

  // Refused before it comes here; what it must not do is hang, or spread to other blocks.
  it.each(['none', 'plain'] as const)('infinities and NaN, weights: %s', async (weighting) => {
    await expectReference(type, NOT_FINITE, GOLDEN_COLUMNS, columnWeights(weighting));
  });
});

describe.runIf(gpu !== null).each(['Q4_K', 'Q5_K'] as const)('%s', (type) => {
  it('packs a wrapped scale code as ggml does', async () => {
    const { values, weights } = wrappedScale(type);
    await expectReference(type, values, 256, weights);
  });
});

describe.runIf(gpu !== null)('rows beyond a buffer', () => {
  const columns = TILE_BYTES / 4 + 256;
  const weights = new Float32Array(columns).fill(1);
  const values = quantizerInput('gaussian', columns);

  it('are quantized in parts', async () => {
    await expectReference('Q6_K', values, columns, weights);
    await expectReference('Q4_0', values, columns, null);
  });

  it('are refused where importance is that of the whole row', async () => {
    if (gpu === null) return;
    await expect(gpuEncode(gpu, 'Q4_0', values, columns, weights)).rejects.toMatchObject({
      code: 'MEMORY_LIMIT',
      message: expect.stringContaining(`a row of ${columns} values`),
    });
  });
});

const EVERY_ROW = join([
  ...INPUT_NAMES.map((name) => quantizerInput(name, GOLDEN_COLUMNS)),
  ...Object.values(EDGES).map((value) => edgeMatrix(value, GOLDEN_COLUMNS)),
  ...Array.from({ length: 8 }, (_, seed) => mixedMagnitudes(seed, GOLDEN_COLUMNS)),
]);

/** Here and there, and whole blocks. */
const NOT_FINITE = join(
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((special) =>
    edgeMatrix((i, gaussian) => (i % 100 === 3 || i > 450 ? special : gaussian()), GOLDEN_COLUMNS),
  ),
);

function join(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => {
    all.set(part, at);
    return at + part.length;
  }, 0);
  return all;
}

/** null when equal, but for the sign of a scale that is NaN, which JavaScript does not keep; else where they part. */
function firstDifference(type: GgufTarget, a: Uint8Array, b: Uint8Array): string | null {
  if (a.length !== b.length) return `${a.length} and ${b.length} bytes`;
  const { blockBytes } = dtypeInfo(type);
  const nanScale = (bytes: Uint8Array, i: number): boolean =>
    i % blockBytes === 1 && bytes[i - 1] === 0 && ((bytes[i] ?? 0) & 127) === 0x7e;
  const at = a.findIndex((byte, i) => byte !== b[i] && !(nanScale(a, i) && nanScale(b, i)));
  if (at < 0) return null;
  return `block ${Math.floor(at / blockBytes)}, byte ${at % blockBytes}: ${a[at]} and ${b[at]}`;
}

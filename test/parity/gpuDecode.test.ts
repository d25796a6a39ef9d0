// Decoders on the adapter give the reference's float32, bit for bit.

import { afterAll, describe, expect, it } from 'vitest';
import { REFERENCE_DECODERS } from '../../core/kernels/decode.ts';
import { canGpuDecode, gpuDecode } from '../../core/kernels/gpu/decode.ts';
import { GGUF_TARGETS } from '../../core/quant/ggufTypes.ts';
import { dtypeInfo } from '../../core/tensor/dtype.ts';
import { uniforms } from '../fixtures/quantizerInputs.ts';
import { openSoftwareGpu } from '../fixtures/softwareGpu.ts';

/** A tile of 2,048 values. */
const TILE_BYTES = 8192;
const gpu = await openSoftwareGpu(TILE_BYTES);
afterAll(() => gpu?.[Symbol.asyncDispose]());

const DTYPES = GGUF_TARGETS.filter(canGpuDecode);

it('every type that can be written is read, but float32, which is what comes out', () => {
  expect(DTYPES).toEqual(GGUF_TARGETS.filter((dtype) => dtype !== 'F32'));
});

describe.runIf(gpu !== null).each(DTYPES)('%s', (dtype) => {
  const { blockBytes, blockElements } = dtypeInfo(dtype);

  async function expectReference(stored: Uint8Array): Promise<void> {
    if (gpu === null) return;
    const expected = new Float32Array((stored.length / blockBytes) * blockElements);
    REFERENCE_DECODERS[dtype]?.(stored, expected);
    const [got, want] = [bitsOf(await gpuDecode(gpu, dtype, stored)), bitsOf(expected)];
    expect(got.length).toBe(want.length);
    expect(got.findIndex((bits, i) => bits !== want[i])).toBe(-1);
  }

  // Of the halves among them one in 32 is infinite or NaN, one in 32 zero or subnormal.
  it('any bytes at all, in tiles', async () => {
    const next = uniforms(11);
    await expectReference(Uint8Array.from({ length: 301 * blockBytes }, () => Math.floor(next() * 256)));
  });

  it.runIf(blockElements === 1)('all 65,536 patterns', async () => {
    await expectReference(new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer));
  });
});

/** Every NaN the same. */
function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer).map((bits) => ((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits));
}

// Decoders on the adapter give the reference's float32, bit for bit.

import { describe, expect, it } from 'vitest';
import { REFERENCE_DECODERS } from '../../core/kernels/decode.ts';
import { gpuDecode } from '../../core/kernels/gpu/decode.ts';
import { dtypeInfo } from '../../core/tensor/dtype.ts';
import { uniforms } from '../fixtures/quantizerInputs.ts';
import { softwareGpu as gpu, openSoftwareGpu } from '../fixtures/softwareGpu.ts';

describe.runIf(gpu !== null).each(['F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_K'] as const)('%s', (dtype) => {
  const { blockBytes, blockElements } = dtypeInfo(dtype);

  function expectReference(values: Float32Array, stored: Uint8Array): void {
    const expected = new Float32Array((stored.length / blockBytes) * blockElements);
    REFERENCE_DECODERS[dtype]?.(stored, expected);
    const [got, want] = [bitsOf(values), bitsOf(expected)];
    expect(got.length).toBe(want.length);
    expect(got.findIndex((bits, i) => bits !== want[i])).toBe(-1);
  }

  it('any bytes at all, scales that are not finite included', async () => {
    if (gpu === null) return;
    const next = uniforms(11);
    const stored = Uint8Array.from({ length: 999 * blockBytes }, () => Math.floor(next() * 256));
    expectReference(await gpuDecode(gpu, dtype, stored), stored);
  });

  it.runIf(blockElements === 1)('all 65,536 patterns', async () => {
    if (gpu === null) return;
    const stored = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);
    expectReference(await gpuDecode(gpu, dtype, stored), stored);
  });

  it('in tiles', async () => {
    const small = await openSoftwareGpu(8192);
    if (small === null) return;
    await using tiled = small;
    const next = uniforms(12);
    const stored = Uint8Array.from({ length: Math.ceil(5001 / blockElements) * blockBytes }, () =>
      Math.floor(next() * 256),
    );
    expectReference(await gpuDecode(tiled, dtype, stored), stored);
  });
});

/** Every NaN the same. */
function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer).map((bits) => ((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits));
}

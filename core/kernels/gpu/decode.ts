// Stored elements to float32 on the GPU, to the reference's bits: plain halves and the block types that can be written.
//
// A half times integers of a block has at most 24 significant bits: such products are exact in float32 and normal, so
// WGSL's own multiplication gives them. Sums and differences round and are float32.ts's.

import { QuantscopeError } from '../../base/errors.ts';
import { type DType, dtypeInfo, storedBytes } from '../../tensor/dtype.ts';
import { BLOCK_ELEMENTS, SUPER_BLOCK_ELEMENTS } from './decodeElements.ts';
import type { Gpu } from './device.ts';
import type { GpuKernel } from './kernel.ts';
import { byteReader, itemKernel, Passes } from './passes.ts';

/** @param element `fn element(at: u32, j: u32) -> u32`: bits of element j of the block whose first byte is `at` */
function decodeKernel(dtype: DType, element: string): GpuKernel {
  const { blockBytes, blockElements } = dtypeInfo(dtype);
  return itemKernel(
    `decode ${dtype}`,
    { reads: ['stored'], writes: ['values'] },
    /* wgsl */ `
${byteReader('byte', 'stored')}
fn signedByte(at: u32) -> i32 { return (i32(byte(at)) << 24u) >> 24u; }
fn bits16(at: u32) -> u32 { return byte(at) | (byte(at + 1u) << 8u); }
fn half(at: u32) -> u32 { return halfValue(bits16(at)); }

/** Exact: see above. What is not finite needs IEEE's rules, which WGSL's own products do not promise. */
fn scaled(d: u32, code: i32) -> u32 {
  if (fAbs(d) >= F_INFINITY || code == 0 || fZero(d)) { return fMul(d, fFromInt(code)); }
  return bitcast<u32>(bitcast<f32>(d) * f32(code));
}
${element}
fn item(i: u32) { values[i] = element(${blockBytes}u * (i / ${blockElements}u), i % ${blockElements}u); }`,
  );
}

const ELEMENTS: Partial<Record<DType, string>> = {
  F16: 'fn element(at: u32, j: u32) -> u32 { return half(at); }',
  BF16: 'fn element(at: u32, j: u32) -> u32 { return bits16(at) << 16u; }',
  ...BLOCK_ELEMENTS,
  ...SUPER_BLOCK_ELEMENTS,
};

const KERNELS = new Map(
  Object.entries(ELEMENTS).map(([dtype, element]) => [dtype, decodeKernel(dtype as DType, element)]),
);

export function canGpuDecode(dtype: DType): boolean {
  return KERNELS.has(dtype);
}

/**
 * As `decodeToF32`, bit for bit; NaN stays NaN, its other bits may differ.
 * @param stored whole blocks
 * @throws DEVICE_LOST, MEMORY_LIMIT, DTYPE_UNKNOWN for a dtype without a kernel
 */
export async function gpuDecode(gpu: Gpu, dtype: DType, stored: Uint8Array): Promise<Float32Array> {
  const kernel = KERNELS.get(dtype);
  if (kernel === undefined) throw new QuantscopeError('DTYPE_UNKNOWN', `${dtype}: no GPU kernel reads it`);
  const { blockBytes, blockElements } = dtypeInfo(dtype);
  const out = new Float32Array((stored.length / blockBytes) * blockElements);
  // The float32 of a tile fill a buffer; tiles are whole blocks.
  const step = Math.max(1, Math.floor(gpu.tileBytes / 4 / blockElements)) * blockElements;
  for (let first = 0; first < out.length; first += step) {
    const count = Math.min(step, out.length - first);
    const from = storedBytes(dtype, first);
    const passes = new Passes();
    const tile = passes.load(stored.subarray(from, from + storedBytes(dtype, count)));
    const values = passes.make(count);
    passes.add(kernel, count, [tile, values]);
    out.set(new Float32Array(await passes.run(gpu, values)), first);
  }
  return out;
}

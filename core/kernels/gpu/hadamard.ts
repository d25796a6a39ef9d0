// Walsh–Hadamard transform of consecutive blocks: rotates outliers of weights and activations over a whole block.

import { QuantscopeError } from '../../base/errors.ts';
import type { Gpu } from './device.ts';
import type { GpuKernel } from './kernel.ts';

/** A block lives in a workgroup's memory, of which every WebGPU device has 16 KiB. */
const MAX_BLOCK = 4096;
const THREADS = 128;

/** One workgroup a block; log2 stages of butterflies. */
const KERNEL: GpuKernel = {
  name: 'hadamard',
  wgsl: /* wgsl */ `
@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read_write> rotated: array<f32>;
struct Sizes { blocks: u32, block: u32 }
@group(0) @binding(2) var<uniform> sizes: Sizes;
var<workgroup> x: array<f32, ${MAX_BLOCK}>;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = at.y * grid.x + at.x;
  let inside = group < sizes.blocks;
  let first = group * sizes.block;
  if (inside) { for (var i = lane; i < sizes.block; i += ${THREADS}u) { x[i] = values[first + i]; } }
  for (var half = 1u; half < sizes.block; half *= 2u) {
    workgroupBarrier();
    for (var i = lane; i < sizes.block / 2u; i += ${THREADS}u) {
      let low = (i / half) * 2u * half + i % half;
      let a = x[low];
      let b = x[low + half];
      x[low] = a + b;
      x[low + half] = a - b;
    }
  }
  workgroupBarrier();
  let norm = 1.0 / sqrt(f32(sizes.block));
  if (inside) { for (var i = lane; i < sizes.block; i += ${THREADS}u) { rotated[first + i] = x[i] * norm; } }
}`,
};

/**
 * Orthonormal, in the order of Sylvester's matrix (H₂ₙ = [H H; H −H]); its own inverse. Not bit-identical to the
 * processor: log2(block) sums, each off by 2^-23 at most, and a factor off by some 2^-22. Against float64, with ‖x‖ of the
 * block, |error| ≤ (log2(block) + 4) · 2^-23 · ‖x‖.
 *
 * @param values whole blocks
 * @param block  a power of two, at most 4096
 * @throws SHAPE_INVALID, DEVICE_LOST, MEMORY_LIMIT
 */
export async function gpuHadamard(gpu: Gpu, values: Float32Array, block: number): Promise<Float32Array> {
  if (!(block >= 1 && block <= MAX_BLOCK) || (block & (block - 1)) !== 0 || values.length % block !== 0)
    throw new QuantscopeError(
      'SHAPE_INVALID',
      `Hadamard: ${values.length} values in blocks of ${block}, a power of two up to ${MAX_BLOCK} that divides them`,
    );
  const out = new Float32Array(values.length);
  const step = Math.max(1, Math.floor(gpu.tileBytes / (4 * block))) * block;
  for (let first = 0; first < values.length; first += step) {
    const tile = values.subarray(first, first + step);
    const blocks = tile.length / block;
    const [rotated] = await gpu.run(KERNEL, {
      buffers: [tile, tile.byteLength],
      uniform: [blocks, block],
      workgroups: blocks,
    });
    out.set(new Float32Array(rotated ?? new ArrayBuffer(0)), first);
  }
  return out;
}

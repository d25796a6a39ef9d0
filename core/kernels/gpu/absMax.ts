// Largest magnitude of every group of consecutive elements: scales of block formats, cells of heat maps.

import type { Gpu } from './device.ts';
import type { GpuKernel } from './kernel.ts';

const GROUP_THREADS = 64;

/** One invocation a group. Magnitudes are compared as bits, which keeps NaN the largest of all. */
const KERNEL: GpuKernel = {
  name: 'absMax',
  wgsl: /* wgsl */ `
@group(0) @binding(0) var<storage, read> values: array<u32>;
@group(0) @binding(1) var<storage, read_write> largest: array<u32>;
struct Sizes { groups: u32, group: u32 }
@group(0) @binding(2) var<uniform> sizes: Sizes;

@compute @workgroup_size(${GROUP_THREADS})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = (at.y * grid.x + at.x) * ${GROUP_THREADS}u + lane;
  if (group >= sizes.groups) { return; }
  let first = group * sizes.group;
  var most = 0u;
  for (var i = 0u; i < sizes.group; i++) { most = max(most, values[first + i] & 0x7fffffffu); }
  largest[group] = most;
}`,
};

/**
 * The reference's magnitudes, bit for bit: only integers are compared.
 * @param values whole groups, each of which fits the device's buffers
 * @returns one magnitude a group; NaN where the group holds one
 * @throws DEVICE_LOST, MEMORY_LIMIT
 */
export async function gpuAbsMax(gpu: Gpu, values: Float32Array, group: number): Promise<Float32Array> {
  const out = new Float32Array(values.length / group);
  const step = Math.max(1, Math.floor(gpu.tileBytes / (4 * group)));
  for (let first = 0; first < out.length; first += step) {
    const groups = Math.min(step, out.length - first);
    const [largest] = await gpu.run(KERNEL, {
      buffers: [values.subarray(first * group, (first + groups) * group), groups * 4],
      uniform: [groups, group],
      workgroups: Math.ceil(groups / GROUP_THREADS),
    });
    out.set(new Float32Array(largest ?? new ArrayBuffer(0)), first);
  }
  return out;
}

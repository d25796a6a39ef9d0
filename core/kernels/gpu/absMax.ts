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

/** @param values whole groups. @returns one magnitude a group; NaN where the group holds one */
export async function gpuAbsMax(gpu: Gpu, values: Float32Array, group: number): Promise<Float32Array> {
  const groups = values.length / group;
  const [largest] = await gpu.run(KERNEL, {
    buffers: [values, groups * 4],
    uniform: [groups, group],
    workgroups: Math.ceil(groups / GROUP_THREADS),
  });
  return new Float32Array(largest ?? new ArrayBuffer(0));
}

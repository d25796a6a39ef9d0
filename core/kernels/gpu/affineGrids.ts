// Affine grids of groups of weights, with or without the search for the range of least squared error:
// core/quant/gptq/affineGrid.ts in WGSL, out of integers (float32.ts): the same bits on every adapter.

import type { GridKind, Grids } from '../affineGrids.ts';
import type { Gpu, GpuPass } from './device.ts';
import { FLOAT32_WGSL } from './float32.ts';
import type { GpuKernel } from './kernel.ts';

/** Shares of a group's range: 100 % down to 20 % in steps of 1 %. */
const RANGES = 81;

/** What rounds a weight to its grid, all of it bits of float32 but the codes and the zero point. */
export const AFFINE_WGSL = /* wgsl */ `
const HALF = 0x3f000000u;

/** floor(v + ½), within ±2^24. */
fn nearestStep(v: u32) -> i32 {
  let up = fAdd(v, HALF);
  if (((up >> 23u) & 255u) > 150u) { return select(0x1000000, -0x1000000, (up & F_SIGN) != 0u); }
  let whole = fTruncate(up);
  return whole - i32(fLess(up, fFromInt(whole)));
}

fn codeOf(w: u32, scale: u32, zero: i32, steps: i32) -> i32 { return clamp(nearestStep(fDiv(w, scale)) + zero, 0, steps); }

fn levelOf(code: i32, scale: u32, zero: i32) -> u32 { return fMul(scale, fFromInt(code - zero)); }
`;

/** One workgroup a group, one invocation a range; element i of group g is number first + g · groupStep + i · step. */
const KERNEL: GpuKernel = {
  name: 'affine grids',
  wgsl: /* wgsl */ `${FLOAT32_WGSL}${AFFINE_WGSL}
@group(0) @binding(0) var<storage, read> values: array<u32>;
@group(0) @binding(1) var<storage, read_write> grids: array<vec2u>;
struct Sizes { groups: u32, size: u32, first: u32, groupStep: u32, step: u32, out: u32, bits: u32, symmetric: u32, ranges: u32 }
@group(0) @binding(2) var<uniform> sizes: Sizes;
var<workgroup> errors: array<u32, ${RANGES}>;
var<workgroup> found: array<vec2u, ${RANGES}>;

@compute @workgroup_size(${RANGES})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = at.y * grid.x + at.x;
  let steps = (1 << sizes.bits) - 1;
  if (group < sizes.groups && lane < sizes.ranges) {
    let first = sizes.first + group * sizes.groupStep;
    var below = 0u; // magnitudes of the ends
    var above = 0u;
    for (var i = 0u; i < sizes.size; i++) {
      let w = values[first + i * sizes.step];
      if ((w & F_SIGN) != 0u) { below = max(below, w & ~F_SIGN); } else { above = max(above, w); }
    }
    let share = fDiv(fFromInt(100 - i32(lane)), fFromInt(100));
    below = fMul(share, below);
    above = fMul(share, above);
    let reach = max(below, above);
    let range = fAdd(select(above, reach, sizes.symmetric != 0u), select(below, reach, sizes.symmetric != 0u));
    var scale = fDiv(range, fFromInt(steps));
    if (scale == 0u) { scale = 0x3f800000u; }
    var zero = 1 << (sizes.bits - 1u);
    if (sizes.symmetric == 0u) { zero = clamp(nearestStep(fDiv(below, scale)), 0, steps); }
    found[lane] = vec2u(scale, fFromInt(zero));
    var error = 0u;
    if (sizes.ranges > 1u) {
      for (var i = 0u; i < sizes.size; i++) {
        let w = values[first + i * sizes.step];
        let lost = fSub(w, levelOf(codeOf(w, scale, zero, steps), scale, zero));
        error = fAdd(error, fMul(lost, lost));
      }
    }
    errors[lane] = error; // never negative: ordered as its bits are
  }
  workgroupBarrier();
  if (group < sizes.groups && lane == 0u) {
    var best = 0u;
    for (var k = 1u; k < sizes.ranges; k++) { if (errors[k] < errors[best]) { best = k; } }
    grids[sizes.out + group] = found[best];
  }
}`,
};

/** Where the groups of a pass lie, and where their grids go; all of it in numbers, not bytes. */
export interface GroupPlaces {
  readonly groups: number;
  readonly size: number;
  readonly first: number;
  readonly groupStep: number;
  readonly step: number;
  readonly out: number;
}

/** @param places the buffer of float32 weights, then that of (scale, zero) pairs of float32 */
export function gridPass(
  places: readonly [values: number, grids: number],
  { groups, size, first, groupStep, step, out }: GroupPlaces,
  { bits, symmetric, rangeSearch }: GridKind,
): GpuPass {
  const numbers = [groups, size, first, groupStep, step, out, bits, symmetric ? 1 : 0, rangeSearch ? RANGES : 1];
  return { kernel: KERNEL, places, uniform: numbers, workgroups: groups };
}

/**
 * As `affineGrids`, bit for bit.
 * @param values finite, whole groups, each of which fits the device's buffers
 * @throws DEVICE_LOST, MEMORY_LIMIT
 */
export async function gpuAffineGrids(
  gpu: Gpu,
  values: Float32Array,
  groupSize: number,
  kind: GridKind,
): Promise<Grids> {
  const all = values.length / groupSize;
  const out = { scales: new Float32Array(all), zeros: new Float32Array(all) };
  const atOnce = Math.max(1, Math.floor(gpu.tileBytes / (4 * groupSize)));
  for (let done = 0; done < all; done += atOnce) {
    const groups = Math.min(atOnce, all - done);
    const tile = values.subarray(done * groupSize, (done + groups) * groupSize);
    const places = { groups, size: groupSize, first: 0, groupStep: groupSize, step: 1, out: 0 };
    const [pairs] = await gpu.runAll([tile, groups * 8], [gridPass([0, 1], places, kind)], [1]);
    new Float32Array(pairs ?? new ArrayBuffer(0)).forEach((number, i) => {
      (i % 2 === 0 ? out.scales : out.zeros)[done + (i >> 1)] = number;
    });
  }
  return out;
}

// What the quantizers on the GPU share: invocations that turn some blocks of values into whole 32-bit words.

import { type DType, dtypeInfo, storedBytes } from '../../tensor/dtype.ts';
import type { Gpu } from './device.ts';
import { FLOAT32_WGSL } from './float32.ts';
import type { GpuKernel } from './kernel.ts';

const THREADS = 64;

/** A quantizer of one type. */
export interface PackKernel extends GpuKernel {
  readonly type: DType;
  /** Blocks of one invocation: as few as make whole words. */
  readonly blocks: number;
}

/**
 * @param wgsl declares `fn packBlock(first: u32, at: u32)`, which quantizes the block whose first value is
 *   `source(first)` (bits of a float32) and writes its bytes from `at` on with `put8`, `put16` and `put32`. The rest
 *   of a block is 0. `columnWeight(i)` is the weight of the column of value i.
 */
export function packKernel(type: DType, wgsl: string): PackKernel {
  const { blockBytes, blockElements } = dtypeInfo(type);
  const blocks = blockBytes % 4 === 0 ? 1 : 2;
  const words = (blocks * blockBytes) / 4;
  return {
    name: `pack ${type}`,
    type,
    blocks,
    wgsl: /* wgsl */ `${FLOAT32_WGSL}
@group(0) @binding(0) var<storage, read> values: array<u32>;
@group(0) @binding(1) var<storage, read> weights: array<u32>;
@group(0) @binding(2) var<storage, read_write> packed: array<u32>;
struct Sizes { groups: u32, columns: u32, firstColumn: u32, weighted: u32 }
@group(0) @binding(3) var<uniform> sizes: Sizes;
var<private> words: array<u32, ${words}>;

fn source(i: u32) -> u32 { return values[i]; }
fn columnWeight(i: u32) -> u32 { return weights[(sizes.firstColumn + i) % sizes.columns]; }
fn put8(at: u32, byte: u32) { words[at >> 2u] |= (byte & 255u) << (8u * (at & 3u)); }
fn put16(at: u32, half: u32) { put8(at, half); put8(at + 1u, half >> 8u); }
fn put32(at: u32, word: u32) { put16(at, word); put16(at + 2u, word >> 16u); }
${wgsl}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  _ = &weights; // bound for every type
  let group = (at.y * grid.x + at.x) * ${THREADS}u + lane;
  if (group >= sizes.groups) { return; }
  for (var b = 0u; b < ${blocks}u; b++) {
    packBlock((group * ${blocks}u + b) * ${blockElements}u, b * ${blockBytes}u);
  }
  for (var w = 0u; w < ${words}u; w++) { packed[group * ${words}u + w] = words[w]; }
}`,
  };
}

/**
 * Quantizes whole rows, in tiles of whole invocations that fit the device's buffers.
 * @param values  rows · columns, finite, columns a whole number of blocks
 * @param weights one per column, or null
 */
export async function runPackKernel(
  gpu: Gpu,
  kernel: PackKernel,
  values: Float32Array,
  columns: number,
  weights: Float32Array | null,
): Promise<Uint8Array> {
  const elements = kernel.blocks * dtypeInfo(kernel.type).blockElements;
  const out = new Uint8Array(storedBytes(kernel.type, values.length));
  const step = Math.max(1, Math.floor(gpu.tileBytes / (elements * 4))) * elements;
  for (let first = 0; first < values.length; first += step) {
    const tile = wholeGroups(values.subarray(first, first + step), elements);
    const groups = tile.length / elements;
    const [packed] = await gpu.run(kernel, {
      buffers: [tile, weights ?? Float32Array.of(0), storedBytes(kernel.type, tile.length)],
      uniform: [groups, columns, first % columns, weights === null ? 0 : 1],
      workgroups: Math.ceil(groups / THREADS),
    });
    const at = storedBytes(kernel.type, first);
    out.set(new Uint8Array(packed ?? new ArrayBuffer(0)).subarray(0, out.length - at), at);
  }
  return out;
}

/** The last invocation may have fewer blocks: zeros follow them. */
function wholeGroups(values: Float32Array, elements: number): Float32Array {
  if (values.length % elements === 0) return values;
  const whole = new Float32Array(Math.ceil(values.length / elements) * elements);
  whole.set(values);
  return whole;
}

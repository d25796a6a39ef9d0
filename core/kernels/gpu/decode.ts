// Stored elements to float32 on the GPU: F16, BF16, Q8_0, Q4_0 and Q4_K, to the reference's bits.
//
// A half times an integer of 8 bits has at most 19 significant ones: such products are exact in float32 and normal, so
// WGSL's own multiplication gives them. Q4_K's one difference that rounds is computed with float32.ts.

import { QuantscopeError } from '../../base/errors.ts';
import { type DType, dtypeInfo, storedBytes } from '../../tensor/dtype.ts';
import type { Gpu } from './device.ts';
import { FLOAT32_WGSL } from './float32.ts';
import type { GpuKernel } from './kernel.ts';

const THREADS = 64;

/** `fn element(i: u32) -> u32`: bits of element i, from `byte(at)` and `half(at)` of the stored bytes. */
function decodeKernel(dtype: DType, element: string): GpuKernel {
  return {
    name: `decode ${dtype}`,
    wgsl: /* wgsl */ `${FLOAT32_WGSL}
@group(0) @binding(0) var<storage, read> stored: array<u32>;
@group(0) @binding(1) var<storage, read_write> values: array<u32>;
struct Sizes { count: u32 }
@group(0) @binding(2) var<uniform> sizes: Sizes;

fn byte(at: u32) -> u32 { return (stored[at >> 2u] >> (8u * (at & 3u))) & 255u; }
fn half(at: u32) -> u32 { return byte(at) | (byte(at + 1u) << 8u); }

/** IEEE half to the bits of a float32. */
fn widened(bits: u32) -> u32 {
  let sign = (bits & 0x8000u) << 16u;
  let exponent = (bits >> 10u) & 31u;
  let fraction = bits & 1023u;
  if (exponent == 31u) { return select(sign | F_INFINITY, F_NAN, fraction != 0u); }
  if (exponent > 0u) { return sign | ((exponent + 112u) << 23u) | (fraction << 13u); }
  return sign | fMul(fFromInt(i32(fraction)), 0x33800000u); // units of 2^-24
}

/** Exact: see above. A scale that is not finite needs IEEE's rules, which WGSL's own products do not promise. */
fn scaled(d: u32, code: i32) -> u32 {
  if ((d & F_INFINITY) == F_INFINITY || code == 0 || (d & ~F_SIGN) == 0u) { return fMul(d, fFromInt(code)); }
  return bitcast<u32>(bitcast<f32>(d) * f32(code));
}
${element}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (at.y * grid.x + at.x) * ${THREADS}u + lane;
  if (i < sizes.count) { values[i] = element(i); }
}`,
  };
}

const DECODERS: Partial<Record<DType, GpuKernel>> = {
  F16: decodeKernel('F16', 'fn element(i: u32) -> u32 { return widened(half(2u * i)); }'),
  BF16: decodeKernel('BF16', 'fn element(i: u32) -> u32 { return half(2u * i) << 16u; }'),
  Q8_0: decodeKernel(
    'Q8_0',
    /* wgsl */ `
fn element(i: u32) -> u32 {
  let block = 34u * (i >> 5u);
  return scaled(widened(half(block)), (i32(byte(block + 2u + (i & 31u))) << 24u) >> 24u);
}`,
  ),
  Q4_0: decodeKernel(
    'Q4_0',
    /* wgsl */ `
fn element(i: u32) -> u32 {
  let block = 18u * (i >> 5u);
  let code = (byte(block + 2u + (i & 15u)) >> select(0u, 4u, (i & 16u) != 0u)) & 15u;
  return scaled(widened(half(block)), i32(code) - 8);
}`,
  ),
  Q4_K: decodeKernel(
    'Q4_K',
    /* wgsl */ `
fn element(i: u32) -> u32 {
  let block = 144u * (i >> 8u);
  let j = (i >> 5u) & 7u;
  let q = block + 4u + j;
  var scale = byte(q) & 63u;
  var least = byte(q + 4u) & 63u;
  if (j >= 4u) {
    scale = (byte(q + 4u) & 15u) | ((byte(q - 4u) >> 6u) << 4u);
    least = (byte(q + 4u) >> 4u) | ((byte(q) >> 6u) << 4u);
  }
  let code = (byte(block + 16u + 32u * ((i >> 6u) & 3u) + (i & 31u)) >> select(0u, 4u, (i & 32u) != 0u)) & 15u;
  let d = fMul(widened(half(block)), fFromInt(i32(scale)));
  return fSub(fMul(d, fFromInt(i32(code))), fMul(widened(half(block + 2u)), fFromInt(i32(least))));
}`,
  ),
};

export function canGpuDecode(dtype: DType): boolean {
  return DECODERS[dtype] !== undefined;
}

/**
 * As `decodeToF32`, bit for bit; NaN stays NaN, its other bits may differ.
 * @param stored whole blocks
 * @throws DEVICE_LOST, MEMORY_LIMIT, DTYPE_UNKNOWN for a dtype without a kernel
 */
export async function gpuDecode(gpu: Gpu, dtype: DType, stored: Uint8Array): Promise<Float32Array> {
  const kernel = DECODERS[dtype];
  if (kernel === undefined) throw new QuantscopeError('DTYPE_UNKNOWN', `${dtype}: no GPU kernel reads it`);
  const { blockBytes, blockElements } = dtypeInfo(dtype);
  const out = new Float32Array((stored.length / blockBytes) * blockElements);
  // The float32 of a tile fill a buffer; tiles are whole blocks.
  const step = Math.max(1, Math.floor(gpu.tileBytes / 4 / blockElements)) * blockElements;
  for (let first = 0; first < out.length; first += step) {
    const count = Math.min(step, out.length - first);
    const from = storedBytes(dtype, first);
    const [values] = await gpu.run(kernel, {
      buffers: [stored.subarray(from, from + storedBytes(dtype, count)), count * 4],
      uniform: [count],
      workgroups: Math.ceil(count / THREADS),
    });
    out.set(new Float32Array(values ?? new ArrayBuffer(0)), first);
  }
  return out;
}

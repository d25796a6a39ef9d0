// float32 arithmetic out of integers on the adapter equals the processor's, bit for bit.

import { describe, expect, it } from 'vitest';
import { FLOAT32_WGSL } from '../../core/kernels/gpu/float32.ts';
import type { GpuKernel } from '../../core/kernels/gpu/kernel.ts';
import { encodeHalf } from '../../core/kernels/reference/half.ts';
import { nearestInt } from '../../core/kernels/reference/nearestInt.ts';
import { uniforms } from '../fixtures/quantizerInputs.ts';
import { softwareGpu as gpu } from '../fixtures/softwareGpu.ts';

const COUNT = 1 << 16;
const THREADS = 64;
const f = Math.fround;

/** What a function of the library must give; as bits, every NaN the one x86 makes. */
const EXPECTED: Readonly<Record<string, (a: number, b: number) => number>> = {
  'fMul(a, b)': (a, b) => bitsOf(f(a * b)),
  'fAdd(a, b)': (a, b) => bitsOf(f(a + b)),
  'fSub(a, b)': (a, b) => bitsOf(f(a - b)),
  'fDiv(a, b)': (a, b) => bitsOf(f(a / b)),
  'fSqrt(a)': (a) => bitsOf(f(Math.sqrt(a))),
  'u32(fLess(a, b))': (a, b) => (a < b ? 1 : 0),
  'halfBits(a)': (a) => encodeHalf(a),
  'u32(nearestInt(a))': (a) => nearestInt(a) >>> 0,
  'u32(fTruncate(a))': (a) => (Math.abs(a) < 2 ** 31 ? Math.trunc(a) >>> 0 : 0),
  'fFromInt(i32(a & 0xffffffu) - 8388608)': (a) => bitsOf((rawBits(a) & 0xffffff) - 8388608),
};

describe.runIf(gpu !== null)('WGSL float32', () => {
  const [a, b] = operands();

  it.each(Object.keys(EXPECTED))('%s', async (call) => {
    if (gpu === null) return;
    const [out] = await gpu.run(kernelOf(call), {
      buffers: [a, b, COUNT * 4],
      uniform: [COUNT],
      workgroups: COUNT / THREADS,
    });
    const got = new Uint32Array(out ?? new ArrayBuffer(0));
    const expected = EXPECTED[call] ?? (() => Number.NaN);
    const x = new Float32Array(a.buffer);
    const y = new Float32Array(b.buffer);
    const wrong: string[] = [];
    for (let i = 0; i < COUNT; i++) {
      const want = expected(x[i] ?? 0, y[i] ?? 0);
      if (got[i] !== want) wrong.push(`${x[i]}, ${y[i]}: ${got[i]?.toString(16)}, expected ${want.toString(16)}`);
    }
    expect(wrong.slice(0, 5)).toEqual([]);
  });
});

/** Any bits at all, then pairs that lie close together, then every pair of special values. */
function operands(): [Uint32Array<ArrayBuffer>, Uint32Array<ArrayBuffer>] {
  const next = uniforms(5);
  // JavaScript keeps no promise about the other bits of a NaN.
  const plain = (bits: number): number => ((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits);
  const word = (): number => plain(Math.floor(next() * 2 ** 32));
  const x = Uint32Array.from({ length: COUNT }, word);
  const near = (bits: number): number => plain(bits ^ (word() >>> Math.floor(next() * 31)) ^ (word() & 0x80000000));
  const y = Uint32Array.from(x, (bits, i) => (i % 2 === 0 ? word() : near(bits)));
  const special = [
    0, 1, 2, 0x7fffff, 0x800000, 0x800001, 0x3f000000, 0x3f7fffff, 0x3f800000, 0x3f800001, 0x40200000, 0x477fefff,
    0x477ff000, 0x4b000000, 0x4b400000, 0x7f7fffff, 0x7f800000, 0x7fc00000,
  ].flatMap((v) => [v, v | 0x80000000]);
  for (const [i, v] of special.entries())
    for (const [j, w] of special.entries()) {
      x[i * special.length + j] = v;
      y[i * special.length + j] = w;
    }
  return [x, y];
}

function kernelOf(call: string): GpuKernel {
  return {
    name: call,
    wgsl: /* wgsl */ `${FLOAT32_WGSL}
@group(0) @binding(0) var<storage, read> left: array<u32>;
@group(0) @binding(1) var<storage, read> right: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<u32>;
struct Sizes { count: u32 }
@group(0) @binding(3) var<uniform> sizes: Sizes;

@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) at: vec3u) {
  if (at.x >= sizes.count) { return; }
  let a = left[at.x];
  let b = right[at.x];
  _ = b;
  result[at.x] = ${call};
}`,
  };
}

function rawBits(v: number): number {
  return new Uint32Array(Float32Array.of(v).buffer)[0] ?? 0;
}

function bitsOf(v: number): number {
  return Number.isNaN(v) ? 0xffc00000 : rawBits(v);
}

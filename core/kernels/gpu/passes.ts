// Kernels in passes: each computes one item an invocation, from words on the device to words on the device.

import type { Gpu, GpuContent, GpuPass } from './device.ts';
import { FLOAT32_WGSL } from './float32.ts';
import type { GpuKernel } from './kernel.ts';

const THREADS = 64;

/** A buffer of 32-bit words on the device. */
export interface Words {
  readonly place: number;
  readonly length: number;
}

/** What an `itemKernel` is bound to: in this order, then the uniform. */
export interface Bindings {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  /** u32 fields of `sizes`. */
  readonly sizes?: readonly string[];
}

/**
 * @param wgsl declares `fn item(i: u32)`, called for every i below the number of items; its buffers are arrays of u32
 *   under their names, its numbers fields of `sizes`, float32.ts its arithmetic
 */
export function itemKernel(name: string, { reads, writes, sizes = [] }: Bindings, wgsl: string): GpuKernel {
  const buffers = [
    ...reads.map((buffer) => `var<storage, read> ${buffer}`),
    ...writes.map((buffer) => `var<storage, read_write> ${buffer}`),
  ];
  return {
    name,
    wgsl: /* wgsl */ `${FLOAT32_WGSL}
${buffers.map((buffer, at) => `@group(0) @binding(${at}) ${buffer}: array<u32>;`).join('\n')}
struct Sizes { ${['items', ...sizes].map((field) => `${field}: u32`).join(', ')} }
@group(0) @binding(${buffers.length}) var<uniform> sizes: Sizes;
${wgsl}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (at.y * grid.x + at.x) * ${THREADS}u + lane;
  if (i < sizes.items) { item(i); }
}`,
  };
}

/** WGSL: `fn name(i: u32)` reads byte i of a buffer. */
export function byteReader(name: string, buffer: string): string {
  return `fn ${name}(i: u32) -> u32 { return (${buffer}[i >> 2u] >> (8u * (i & 3u))) & 255u; }`;
}

/** Passes in the making: nothing runs before `run`. */
export class Passes {
  readonly #buffers: GpuContent[] = [];
  readonly #passes: GpuPass[] = [];

  load(content: ArrayBufferView): Words {
    return { place: this.#buffers.push(content) - 1, length: Math.ceil(content.byteLength / 4) };
  }

  /** Zeros until a pass writes them. */
  make(length: number): Words {
    return { place: this.#buffers.push(length * 4) - 1, length };
  }

  /** @param words in the order of the kernel's bindings, none of them twice */
  add(kernel: GpuKernel, items: number, words: readonly Words[], sizes: readonly number[] = []): void {
    this.#passes.push({
      kernel,
      places: words.map(({ place }) => place),
      uniform: [items, ...sizes],
      workgroups: Math.ceil(items / THREADS),
    });
  }

  /** @throws DEVICE_LOST, MEMORY_LIMIT */
  async run(gpu: Gpu, result: Words): Promise<ArrayBuffer> {
    const [copy] = await gpu.runAll(this.#buffers, this.#passes, [result.place]);
    return copy ?? new ArrayBuffer(0);
  }
}

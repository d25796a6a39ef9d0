// A GPU through WebGPU (Dawn), opened in the job process only: adapter, limits, loss, and kernels over arrays.

import { QuantscopeError } from '../../base/errors.ts';
import type { GpuKernel } from './kernel.ts';

/** What reports say of the adapter. */
export interface GpuFacts {
  readonly name: string;
  readonly vendor: string;
  /** True for adapters that compute on the processor (SwiftShader, lavapipe, WARP): never called a GPU. */
  readonly software: boolean;
  /** Largest storage buffer, bytes: tensors beyond it are computed in tiles. */
  readonly maxBufferBytes: number;
  readonly maxWorkgroups: number;
}

export interface GpuWish {
  /** Part of the adapter's name; the fastest when left out. */
  readonly adapter?: string | undefined;
  /** Accepts adapters that compute on the processor: tests do, jobs do not. */
  readonly software: boolean;
  /** Bytes of a tile, when they are to be fewer than the device takes. */
  readonly tileBytes?: number | undefined;
}

/** What a kernel is run on. */
export interface GpuRun {
  /** In the order of the kernel's bindings: data to read, or the bytes of a buffer to write. */
  readonly buffers: readonly (ArrayBufferView | number)[];
  /** u32 numbers of the uniform. */
  readonly uniform: readonly number[];
  readonly workgroups: number;
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|warp/i;
/** Adapters report buffers of gigabytes; a tile of this size keeps any of them busy. */
const MAX_TILE_BYTES = 128 * 1024 * 1024;

export class Gpu implements AsyncDisposable {
  readonly facts: GpuFacts;
  /** Bytes one buffer of a tile may have. */
  readonly tileBytes: number;
  /** Held: the process crashes when what made a device is collected before it (dawn.node). */
  readonly instance: GPU;
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<GpuKernel, GPUComputePipeline>();
  #lost: string | null = null;

  /** @throws DEVICE_UNAVAILABLE saying what is missing */
  static async open({ adapter: name, software, tileBytes }: GpuWish): Promise<Gpu> {
    const webgpu = await import('webgpu').catch((error: unknown) => {
      const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      throw new QuantscopeError('DEVICE_UNAVAILABLE', `WebGPU cannot be loaded on this machine: ${reason}`);
    });
    Object.assign(globalThis, webgpu.globals);
    const instance = webgpu.create(name === undefined ? [] : [`adapter=${name}`]);
    const adapter = await instance.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
    if (!adapter)
      throw new QuantscopeError(
        'DEVICE_UNAVAILABLE',
        `no GPU: WebGPU finds no adapter${name === undefined ? '' : ` called ${name}`}`,
      );
    const facts = factsOf(adapter);
    if (facts.software && !software)
      throw new QuantscopeError(
        'DEVICE_UNAVAILABLE',
        `no GPU: the only adapter is ${facts.name}, which computes on the processor`,
      );
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
    return new Gpu(instance, device, facts, tileBytes);
  }

  private constructor(instance: GPU, device: GPUDevice, facts: GpuFacts, tileBytes = MAX_TILE_BYTES) {
    this.instance = instance;
    this.#device = device;
    this.facts = facts;
    this.tileBytes = Math.min(MAX_TILE_BYTES, tileBytes, facts.maxBufferBytes);
    void device.lost.then(({ message, reason }) => {
      if (reason !== 'destroyed') this.#lost = message || 'no reason given';
    });
  }

  /**
   * Runs a kernel once.
   * @returns the written buffers, in the order of their bindings
   * @throws DEVICE_LOST when the device went away, MEMORY_LIMIT when it has no memory left, INTERNAL for a kernel it refuses
   */
  async run(kernel: GpuKernel, { buffers, uniform, workgroups }: GpuRun): Promise<ArrayBuffer[]> {
    this.#checkAlive();
    const device = this.#device;
    const made: GPUBuffer[] = [];
    const buffer = (size: number, usage: number): GPUBuffer => {
      const fresh = device.createBuffer({ size: aligned(size), usage });
      made.push(fresh);
      return fresh;
    };
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    try {
      const { STORAGE, COPY_DST, COPY_SRC, UNIFORM, MAP_READ } = GPUBufferUsage;
      const bound = buffers.map((content) => {
        if (typeof content === 'number') return buffer(content, STORAGE | COPY_SRC);
        const filled = buffer(content.byteLength, STORAGE | COPY_DST);
        device.queue.writeBuffer(filled, 0, padded(content));
        return filled;
      });
      const numbers = buffer(Math.max(16, uniform.length * 4), UNIFORM | COPY_DST);
      device.queue.writeBuffer(numbers, 0, Uint32Array.from(uniform));
      const pipeline = this.#pipeline(kernel);
      const entries = [...bound, numbers].map((resource, binding) => ({ binding, resource: { buffer: resource } }));
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
      // Rows beyond one dimension's limit go on in the second.
      const x = Math.min(workgroups, this.facts.maxWorkgroups);
      pass.dispatchWorkgroups(x, Math.ceil(workgroups / x));
      pass.end();
      const read = bound.flatMap((source, at) => {
        const size = buffers[at];
        if (typeof size !== 'number') return [];
        const target = buffer(size, COPY_DST | MAP_READ);
        encoder.copyBufferToBuffer(source, 0, target, 0, aligned(size));
        return [{ target, size }];
      });
      device.queue.submit([encoder.finish()]);
      const outOfMemory = await device.popErrorScope();
      const invalid = await device.popErrorScope();
      this.#checkAlive();
      if (outOfMemory)
        throw new QuantscopeError('MEMORY_LIMIT', `${this.facts.name}: ${outOfMemory.message.slice(0, 200)}`);
      if (invalid) throw new QuantscopeError('INTERNAL', `${kernel.name}: ${invalid.message.slice(0, 300)}`);
      const results: ArrayBuffer[] = [];
      for (const { target, size } of read) {
        await target.mapAsync(GPUMapMode.READ).catch((error: unknown) => {
          this.#checkAlive();
          throw error;
        });
        results.push(target.getMappedRange().slice(0, size));
        target.unmap();
      }
      return results;
    } finally {
      for (const one of made) one.destroy();
    }
  }

  /** As a driver reset would: for tests of what follows. */
  lose(): void {
    this.#lost = 'taken away';
    this.#device.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#device.destroy();
  }

  #pipeline(kernel: GpuKernel): GPUComputePipeline {
    let pipeline = this.#pipelines.get(kernel);
    if (pipeline === undefined) {
      const module = this.#device.createShaderModule({ code: kernel.wgsl, label: kernel.name });
      pipeline = this.#device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
      this.#pipelines.set(kernel, pipeline);
    }
    return pipeline;
  }

  #checkAlive(): void {
    if (this.#lost === null) return;
    throw new QuantscopeError('DEVICE_LOST', `${this.facts.name}: the device was lost (${this.#lost})`);
  }
}

function factsOf({ info, limits }: GPUAdapter): GpuFacts {
  const name =
    info.device && info.description ? `${info.device} (${info.description})` : info.device || info.description;
  return {
    name: name || 'unnamed adapter',
    vendor: info.vendor,
    software: SOFTWARE.test(`${info.device} ${info.description} ${info.architecture}`),
    maxBufferBytes: Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
    maxWorkgroups: limits.maxComputeWorkgroupsPerDimension,
  };
}

/** Buffers and copies are made of whole 32-bit words. */
function aligned(bytes: number): number {
  return Math.max(4, Math.ceil(bytes / 4) * 4);
}

function padded(content: ArrayBufferView): ArrayBufferView<ArrayBuffer> {
  const bytes = new Uint8Array(content.buffer as ArrayBuffer, content.byteOffset, content.byteLength);
  if (bytes.length % 4 === 0) return bytes;
  const whole = new Uint8Array(aligned(bytes.length));
  whole.set(bytes);
  return whole;
}

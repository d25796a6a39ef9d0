// A GPU through WebGPU (Dawn), opened in the job process only: adapter, limits, loss, and kernels over arrays.

import { tmpdir } from 'node:os';
import { QuantscopeError } from '../../base/errors.ts';
import { adapterNames, chooseAdapter } from './adapters.ts';
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
  /** Its place in WebGPU's list or a part of its name; the fastest when left out. */
  readonly adapter?: number | string | undefined;
  /** Accepts adapters that compute on the processor: tests do, jobs do not. */
  readonly software: boolean;
  /** Bytes of a tile, when they are to be fewer than the device takes. */
  readonly tileBytes?: number | undefined;
}

/** Data to read, or the bytes of a buffer to write, zeros before that. */
export type GpuContent = ArrayBufferView | number;

/** What a kernel is run on. */
export interface GpuRun {
  /** In the order of the kernel's bindings. */
  readonly buffers: readonly GpuContent[];
  /** u32 numbers of the uniform. */
  readonly uniform: readonly number[];
  readonly workgroups: number;
}

/** One of several kernels over buffers they share. */
export interface GpuPass {
  readonly kernel: GpuKernel;
  /** Places in the list of buffers, in the order of the kernel's bindings. */
  readonly places: readonly number[];
  readonly uniform: readonly number[];
  readonly workgroups: number;
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|warp/i;
/** A workgroup's memory is written before it is read: zeros would only cost time, seconds of compiling in SwiftShader. */
const OWN_KERNELS_ONLY = 'enable-dawn-features=disable_workgroup_init';
/** Adapters report buffers of gigabytes; a tile of this size keeps any of them busy. */
const MAX_TILE_BYTES = 128 * 1024 * 1024;

export class Gpu implements AsyncDisposable {
  readonly facts: GpuFacts;
  /** Bytes one buffer of a tile may have. */
  readonly tileBytes: number;
  /** Held: the process crashes when what made a device is collected before it (dawn.node). */
  readonly instance: GPU;
  readonly #device: GPUDevice;
  readonly #pipelines = new Map<GpuKernel, Promise<GPUComputePipeline>>();
  #lost: string | null = null;
  /** Submitted and not done yet. */
  #unfinished = 0;
  #busySince = 0;
  #busyMs = 0;

  /** @throws DEVICE_UNAVAILABLE saying what is missing */
  static async open({ adapter: wish, software, tileBytes }: GpuWish): Promise<Gpu> {
    process.env.XDG_RUNTIME_DIR ??= tmpdir(); // Vulkan's window layers complain aloud without one.
    const webgpu = await import('webgpu').catch((error: unknown) => {
      const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      throw new QuantscopeError('DEVICE_UNAVAILABLE', `WebGPU cannot be loaded on this machine: ${reason}`);
    });
    Object.assign(globalThis, webgpu.globals);
    const name = wish === undefined ? undefined : chooseAdapter(await adapterNames(webgpu), wish);
    const instance = webgpu.create([OWN_KERNELS_ONLY, ...(name === undefined ? [] : [`adapter=${name}`])]);
    const adapter = await instance.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
    if (!adapter) throw new QuantscopeError('DEVICE_UNAVAILABLE', 'no GPU: WebGPU finds no adapter');
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
  run(kernel: GpuKernel, { buffers, uniform, workgroups }: GpuRun): Promise<ArrayBuffer[]> {
    const places = buffers.map((_, place) => place);
    const written = places.filter((place) => typeof buffers[place] === 'number');
    return this.runAll(buffers, [{ kernel, places, uniform, workgroups }], written);
  }

  /**
   * Runs kernels one after another; what they hand on stays on the device.
   * @param results places of the buffers that come back
   * @throws as `run`
   */
  async runAll(
    buffers: readonly GpuContent[],
    passes: readonly GpuPass[],
    results: readonly number[],
  ): Promise<ArrayBuffer[]> {
    this.#checkAlive();
    const device = this.#device;
    const pipelines = await Promise.all(passes.map(({ kernel }) => this.#pipeline(kernel)));
    this.#checkAlive();
    const made: GPUBuffer[] = [];
    let submitted = false;
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
        const filled = buffer(content.byteLength, STORAGE | COPY_DST | COPY_SRC);
        device.queue.writeBuffer(filled, 0, padded(content));
        return filled;
      });
      const encoder = device.createCommandEncoder();
      const commands = encoder.beginComputePass();
      passes.forEach(({ places, uniform, workgroups }, at) => {
        const pipeline = present(pipelines, at);
        const numbers = buffer(Math.max(16, uniform.length * 4), UNIFORM | COPY_DST);
        device.queue.writeBuffer(numbers, 0, Uint32Array.from(uniform));
        const resources = [...places.map((place) => present(bound, place)), numbers];
        const entries = resources.map((resource, binding) => ({ binding, resource: { buffer: resource } }));
        commands.setPipeline(pipeline);
        commands.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
        // Items beyond one dimension's limit go on in the second.
        const x = Math.min(workgroups, this.facts.maxWorkgroups);
        commands.dispatchWorkgroups(x, Math.ceil(workgroups / x));
      });
      commands.end();
      const read = results.map((place) => {
        const size = present(buffers, place);
        const bytes = typeof size === 'number' ? size : size.byteLength;
        const target = buffer(bytes, COPY_DST | MAP_READ);
        encoder.copyBufferToBuffer(present(bound, place), 0, target, 0, aligned(bytes));
        return { target, bytes };
      });
      device.queue.submit([encoder.finish()]);
      submitted = true;
      this.#begun();
      const [outOfMemory, invalid] = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
      this.#checkAlive();
      if (outOfMemory)
        throw new QuantscopeError('MEMORY_LIMIT', `${this.facts.name}: ${outOfMemory.message.slice(0, 200)}`);
      if (invalid) {
        const names = [...new Set(passes.map(({ kernel }) => kernel.name))].join(', ');
        throw new QuantscopeError('INTERNAL', `${names}: ${invalid.message.slice(0, 300)}`);
      }
      const copies: ArrayBuffer[] = [];
      for (const { target, bytes } of read) {
        await target.mapAsync(GPUMapMode.READ).catch((error: unknown) => {
          this.#checkAlive();
          throw error;
        });
        copies.push(target.getMappedRange().slice(0, bytes));
        target.unmap();
      }
      return copies;
    } finally {
      if (submitted) this.#done();
      for (const one of made) one.destroy();
    }
  }

  #begun(): void {
    if (this.#unfinished++ === 0) this.#busySince = performance.now();
  }

  #done(): void {
    if (--this.#unfinished === 0) this.#busyMs += performance.now() - this.#busySince;
  }

  /** Milliseconds so far in which the device's queue had work: from its submission until its results could be read. */
  get busyMs(): number {
    return this.#busyMs + (this.#unfinished > 0 ? performance.now() - this.#busySince : 0);
  }

  /** As a driver reset would: for tests of what follows. */
  lose(): void {
    this.#lost = 'taken away';
    this.#device.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#device.destroy();
  }

  #pipeline(kernel: GpuKernel): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(kernel);
    if (pipeline === undefined) {
      pipeline = this.#compile(kernel);
      this.#pipelines.set(kernel, pipeline);
    }
    return pipeline;
  }

  /** Beside this thread, and several at a time: drivers take seconds for some. */
  async #compile({ name, wgsl }: GpuKernel): Promise<GPUComputePipeline> {
    const device = this.#device;
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code: wgsl, label: name });
    const problem = device.popErrorScope();
    const compiled = device
      .createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } })
      .catch((error: unknown) => error);
    const invalid = await problem;
    const pipeline = await compiled;
    this.#checkAlive();
    if (invalid) throw new QuantscopeError('INTERNAL', `${name}: ${invalid.message.slice(0, 300)}`);
    if (pipeline instanceof GPUComputePipeline) return pipeline;
    const reason = pipeline instanceof Error ? pipeline.message : String(pipeline);
    throw new QuantscopeError('INTERNAL', `${name}: ${reason.slice(0, 300)}`);
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

function present<T>(list: readonly T[], place: number): T {
  const found = list[place];
  if (found === undefined) throw new RangeError(`place ${place} of ${list.length}`);
  return found;
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

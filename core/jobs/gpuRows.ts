// Rows of an export quantized on the GPU; a device that is lost is opened again once, then the processor goes on.

import { isQuantscopeError, toFailure } from '../base/errors.ts';
import type { RowEncoder } from '../export/rowEncoder.ts';
import { encodeFromF32 } from '../kernels/encode.ts';
import type { Gpu } from '../kernels/gpu/device.ts';
import { canGpuEncode, gpuEncode } from '../kernels/gpu/encode.ts';
import { loadKernels } from '../kernels/wasm.ts';
import { isGgufTarget, targetBytes } from '../quant/ggufTypes.ts';
import type { DType } from '../tensor/dtype.ts';

export class GpuRows implements RowEncoder, AsyncDisposable {
  #gpu: Gpu | null;
  #spare: (() => Promise<Gpu | null>) | null;
  readonly #onNote: (message: string) => Promise<void>;

  /**
   * @param open   once more, when the device was lost
   * @param onNote told whenever the device changes
   */
  constructor(gpu: Gpu, open: () => Promise<Gpu | null>, onNote: (message: string) => Promise<void>) {
    this.#gpu = gpu;
    this.#spare = open;
    this.#onNote = onNote;
  }

  takes(type: DType): boolean {
    return this.#gpu !== null && canGpuEncode(type);
  }

  async encode(type: DType, values: Float32Array, columns: number, weights: Float32Array | null): Promise<Uint8Array> {
    for (let gpu = this.#gpu; gpu !== null; gpu = this.#gpu) {
      try {
        return await gpuEncode(gpu, type, values, columns, weights);
      } catch (error) {
        const lost = isQuantscopeError(error) && (error.code === 'DEVICE_LOST' || error.code === 'MEMORY_LIMIT');
        if (!lost) throw error;
        await this.#replace(gpu, error.message);
      }
    }
    return encodeHere(type, values, columns, weights);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gpu?.[Symbol.asyncDispose]();
  }

  async #replace(gone: Gpu, reason: string): Promise<void> {
    await gone[Symbol.asyncDispose]();
    let failure = '';
    const next = await this.#spare?.().catch((error: unknown) => {
      failure = `; ${toFailure(error).message}`;
      return null;
    });
    this.#spare = null;
    this.#gpu = next ?? null;
    await this.#onNote(
      `${reason}${failure}: ${this.#gpu === null ? 'the processor goes on' : 'opened again, the GPU goes on'}`,
    );
  }
}

/** What workers do, for rows that were already on their way to the GPU. */
async function encodeHere(
  type: DType,
  values: Float32Array,
  columns: number,
  weights: Float32Array | null,
): Promise<Uint8Array> {
  const kernels = await loadKernels();
  const { arena } = kernels;
  return arena.scoped(() => {
    if (!isGgufTarget(type)) throw new RangeError(`${type} is no target`);
    const rows = values.length / columns;
    const bytes = targetBytes(type, rows, columns);
    const from = arena.alloc(values.byteLength);
    const to = arena.alloc(bytes);
    arena.f32(from, values.length).set(values);
    const weightsAt = weights === null ? 0 : arena.alloc(weights.byteLength);
    if (weights !== null) arena.f32(weightsAt, weights.length).set(weights);
    encodeFromF32(kernels, type, from, to, rows, columns, weightsAt);
    return arena.u8(to, bytes).slice();
  });
}

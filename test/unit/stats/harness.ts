// Tensors in temporary files, and tasks run on this thread.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { TaskContext } from '../../../core/kernels/task.ts';
import { loadKernels } from '../../../core/kernels/wasm.ts';
import type { TensorSource } from '../../../core/stats/source.ts';
import type { DType } from '../../../core/tensor/dtype.ts';
import { xorshift32 } from '../../fixtures/randomBlocks.ts';

const folder = mkdtempSync(join(tmpdir(), 'quantscope-stats-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

export function temporaryPath(): string {
  files += 1;
  return join(folder, `tensor-${files}.bin`);
}

/** Stored at an odd offset, as tensors in safetensors may be. */
export function storedTensor(dtype: DType, bytes: Uint8Array, rows: number, columns: number): TensorSource {
  const path = temporaryPath();
  const padded = new Uint8Array(bytes.length + 7);
  padded.set(bytes, 7);
  writeFileSync(path, padded);
  return { path, dtype, offset: 7, rows, columns };
}

export function float32Tensor(values: Float32Array, rows: number, columns: number): TensorSource {
  return storedTensor('F32', new Uint8Array(values.buffer, values.byteOffset, values.byteLength), rows, columns);
}

export async function localContext(): Promise<TaskContext> {
  const kernels = await loadKernels();
  return { kernels, checkpoint: () => {}, progress: () => {} };
}

/** Normal deviates (Box–Muller) from a seed. */
export function normal(count: number, seed: number, mean = 0, sigma = 1): Float32Array {
  const next = xorshift32(seed);
  const uniform = (): number => (next() + 0.5) / 2 ** 32;
  return Float32Array.from(
    { length: count },
    () => mean + sigma * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

export function bfloat16Bytes(values: Float32Array): Uint8Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
}

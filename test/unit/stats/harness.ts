// Tensors in temporary files, and tasks run on this thread.

import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { Checkpoint, TensorInfo } from '../../../core/checkpoint/checkpoint.ts';
import { createPool, type Pool } from '../../../core/kernels/pool.ts';
import type { TaskContext } from '../../../core/kernels/task.ts';
import { loadKernels } from '../../../core/kernels/wasm.ts';
import { type DType, storedBytes } from '../../../core/tensor/dtype.ts';
import type { TensorSource } from '../../../core/tensor/storage.ts';
import { xorshift32 } from '../../fixtures/randomBlocks.ts';

const folder = mkdtempSync(join(tmpdir(), 'quantscope-stats-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
process.env.QUANTSCOPE_CACHE = join(folder, 'cache'); // never the user's own
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

/** Pools of test threads end with the test file. */
export function testPool(threads: number): Pool {
  const pool = createPool(new URL('./worker.ts', import.meta.url), threads);
  afterAll(() => pool.close());
  return pool;
}

/** A checkpoint of tensors lying one after another in one sparse file; what is not written is zero. */
export function sparseCheckpoint(
  tensors: readonly { dtype: DType; shape: readonly number[] }[],
  writes: readonly { tensor: number; element: number; bytes: Uint8Array }[] = [],
): Checkpoint {
  const path = temporaryPath();
  let offset = 0;
  const infos = tensors.map(({ dtype, shape }, index): TensorInfo => {
    const elements = shape.reduce((a, b) => a * b, 1);
    const bytes = storedBytes(dtype, elements);
    const info = {
      index,
      name: `tensor.${index}`,
      dtype,
      shape,
      elements,
      bytes,
      file: 0,
      offset,
      role: 'other' as const,
      layer: null,
      stack: '',
      module: `tensor.${index}`,
    };
    offset += bytes;
    return info;
  });
  writeFileSync(path, '');
  truncateSync(path, offset);
  const file = openSync(path, 'r+');
  for (const { tensor, element, bytes } of writes) {
    const info = infos[tensor];
    if (info === undefined) throw new Error(`no tensor ${tensor}`);
    writeSync(file, bytes, 0, bytes.length, info.offset + storedBytes(info.dtype, element));
  }
  closeSync(file);
  return {
    format: 'safetensors',
    path,
    name: 'sparse',
    files: [{ path, sizeBytes: offset, modifiedMs: 0 }],
    metadata: {},
    config: null,
    model: { architecture: null, layers: 0 },
    tensors: infos,
    warnings: [],
    companions: [],
    bytesRead: 0,
    fingerprint: createHash('sha256').update(path).digest('hex'),
  };
}

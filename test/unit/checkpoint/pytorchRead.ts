// Shared by the tests of PyTorch checkpoints: writes bytes to a file, opens it, decodes its tensors.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { tensorSource } from '../../../core/checkpoint/tensorSource.ts';
import { readElements } from '../../../core/decode/elements.ts';
import { type Kernels, loadKernels } from '../../../core/kernels/wasm.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';

export const folder = temporaryFolder();
let kernels: Kernels;
beforeAll(async () => {
  kernels = await loadKernels();
});

let files = 0;
export async function open(bytes: Uint8Array, extension = 'pt'): Promise<Checkpoint> {
  files += 1;
  const path = join(folder, `model${files}.${extension}`);
  writeFileSync(path, bytes);
  return openCheckpoint(path);
}

/** Values of every tensor by its name. */
export function valuesOf(checkpoint: Checkpoint): Record<string, number[]> {
  return Object.fromEntries(
    checkpoint.tensors.map(({ index, name, elements }) => [
      name,
      kernels.arena.scoped(() => {
        const pointer = readElements(kernels, tensorSource(checkpoint, index), 0, elements);
        return [...new Float32Array(kernels.arena.u8(pointer, elements * 4).slice().buffer)];
      }),
    ]),
  );
}

export async function values(bytes: Uint8Array, extension?: string): Promise<Record<string, number[]>> {
  return valuesOf(await open(bytes, extension));
}

/** 0, 1, 2, … as float32. */
export function counting(length: number): Float32Array {
  return Float32Array.from({ length }, (_, at) => at);
}

export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

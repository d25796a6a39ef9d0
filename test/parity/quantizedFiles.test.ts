// A trained model quantized by llama.cpp itself into sixteen file types: our kernels make the same bytes of its F32 file.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Checkpoint, matrixShape, type TensorInfo } from '../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../core/checkpoint/open.ts';
import { closeReaders, readInto } from '../../core/io/fileReader.ts';
import { encodeFromF32 } from '../../core/kernels/encode.ts';
import { type Kernels, loadKernels } from '../../core/kernels/wasm.ts';
import { isGgufTarget, targetBytes } from '../../core/quant/ggufTypes.ts';
import { sharedData } from '../fixtures/sharedData.ts';

const original = sharedData('models/stories260K-gguf/testdata/stories260K.gguf');
const folder = sharedData('models/gguf-stories260K-quantized');

describe.runIf(original !== null && folder !== null)('stories260K', () => {
  let kernels: Kernels;
  let source: Checkpoint;
  const files = folder === null ? [] : readdirSync(folder).filter((name) => name.endsWith('.gguf'));

  beforeAll(async () => {
    kernels = await loadKernels();
    source = await openCheckpoint(original ?? '');
  });
  afterAll(closeReaders);

  function stored(checkpoint: Checkpoint, tensor: TensorInfo): Uint8Array {
    const bytes = new Uint8Array(tensor.bytes);
    readInto(checkpoint.files[tensor.file]?.path ?? '', tensor.offset, bytes);
    return bytes;
  }

  it('is there with its sixteen quantized files', () => {
    expect(files.length).toBe(16);
    expect(source.tensors.every((tensor) => tensor.dtype === 'F32')).toBe(true);
  });

  it.each(files)('%s', async (name) => {
    const quantized = await openCheckpoint(join(folder ?? '', name));
    let compared = 0;
    for (const tensor of quantized.tensors) {
      const from = source.tensors.find((one) => one.name === tensor.name);
      if (from === undefined) throw new Error(`${name}: ${tensor.name} is not in the original`);
      const { dtype } = tensor;
      if (!isGgufTarget(dtype)) continue; // MXFP4 and the ternary types are read, not written
      const { rows, columns } = matrixShape(from);
      const made = kernels.arena.scoped(() => {
        const src = kernels.arena.alloc(from.bytes);
        const dst = kernels.arena.alloc(targetBytes(dtype, rows, columns));
        kernels.arena.u8(src, from.bytes).set(stored(source, from));
        encodeFromF32(kernels, dtype, src, dst, rows, columns, 0);
        return kernels.arena.u8(dst, tensor.bytes).slice();
      });
      expect(Buffer.compare(made, stored(quantized, tensor)), `${tensor.name} as ${dtype}`).toBe(0);
      compared++;
    }
    expect(compared).toBeGreaterThan(10);
  });
});

// From files to float32: big-endian GGUF files hold the same numbers, importance matrices mean squares.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { tensorSource } from '../../../core/checkpoint/tensorSource.ts';
import { loadInto, readWindow } from '../../../core/decode/elements.ts';
import { swapBlocks } from '../../../core/decode/swapBlocks.ts';
import { type Kernels, loadKernels } from '../../../core/kernels/wasm.ts';
import { DTYPE_NAMES, dtypeInfo } from '../../../core/tensor/dtype.ts';
import { randomBlocks } from '../../fixtures/randomBlocks.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { imatrixBytes } from '../../fixtures/writeImatrix.ts';

const folder = temporaryFolder();
let kernels: Kernels;
beforeAll(async () => {
  kernels = await loadKernels();
});

function decoded(checkpoint: Checkpoint, index: number, first = 0, count?: number): Float32Array {
  const { arena } = kernels;
  const wanted = count ?? checkpoint.tensors[index]?.elements ?? 0;
  return arena.scoped(() => {
    const dst = arena.alloc(wanted * 4 + 64);
    loadInto(kernels, tensorSource(checkpoint, index), first, wanted, dst);
    return arena.f32(dst, wanted).slice();
  });
}

/** Every NaN the same. */
const bits = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.map((v) => (Number.isNaN(v) ? NaN : v)).buffer);

describe('big-endian GGUF', () => {
  const types = DTYPE_NAMES.filter((dtype) => dtypeInfo(dtype).ggml !== undefined);

  test.each(types)('%s', async (dtype) => {
    const { kind, blockElements, blockBytes } = dtypeInfo(dtype);
    const bytes = randomBlocks(dtype, 6, 11);
    const swapped = bytes.slice();
    if (kind === 'block') swapBlocks(dtype, swapped);
    else for (let at = 0; at < swapped.length; at += blockBytes) swapped.subarray(at, at + blockBytes).reverse();
    const tensor = { name: 'w', dtype, shape: [3, 2 * blockElements] };
    const [little, big] = [join(folder, `${dtype}-little.gguf`), join(folder, `${dtype}-big.gguf`)];
    writeGguf(little, [{ ...tensor, data: bytes }]);
    writeGguf(big, [{ ...tensor, data: swapped }], {}, { bigEndian: true });
    const expected = decoded(await openCheckpoint(little), 0);
    expect(bits(decoded(await openCheckpoint(big), 0))).toEqual(bits(expected));
  });
});

describe('importance matrices', () => {
  test.each([false, true])(
    'GGUF: sums by counts, an expert without samples is 1 (big endian: %s)',
    async (bigEndian) => {
      const floats = (values: readonly number[]): Uint8Array => {
        const bytes = new Uint8Array(4 * values.length);
        const view = new DataView(bytes.buffer);
        for (const [at, value] of values.entries()) view.setFloat32(4 * at, value, !bigEndian);
        return bytes;
      };
      const path = join(folder, `imatrix-${bigEndian}.gguf`);
      const tensors = [
        { name: 'x.in_sum2', dtype: 'F32', shape: [3, 4], data: floats([2, 4, 6, 8, 5, 5, 5, 5, 1, 2, 3, 4]) },
        { name: 'x.counts', dtype: 'F32', shape: [3, 1], data: floats([2, 0, 3]) },
      ];
      writeGguf(path, tensors, { 'general.type': 'imatrix' }, { bigEndian });
      const checkpoint = await openCheckpoint(path);
      const means = Float32Array.of(1, 2, 3, 4, 1, 1, 1, 1, 1 / 3, 2 / 3, 1, 4 / 3);
      expect(decoded(checkpoint, 0)).toEqual(means);
      expect(decoded(checkpoint, 0, 3, 7)).toEqual(means.slice(3, 10));
      const window = kernels.arena.scoped(() => {
        const at = readWindow(kernels, tensorSource(checkpoint, 0), 1, 2, 1, 2);
        return kernels.arena.f32(at, 4).slice();
      });
      expect(window).toEqual(Float32Array.of(1, 1, 2 / 3, 1));
    },
  );

  test('legacy: values by calls', async () => {
    const path = join(folder, 'small.imatrix');
    const entries = [
      { name: 'a', calls: 4, values: [4, 6] },
      { name: 'b', calls: 0, values: [4, 6] },
    ];
    writeFileSync(path, imatrixBytes(entries));
    const checkpoint = await openCheckpoint(path);
    expect([...decoded(checkpoint, 0)]).toEqual([1, 1.5]);
    expect([...decoded(checkpoint, 1)]).toEqual([4, 6]);
  });

  test('a real one', async ({ skip }) => {
    const path = sharedData('models/imatrix-dat/imatrix.dat');
    if (path === null) return skip('the data is not on this machine');
    const checkpoint = await openCheckpoint(path);
    // First stored value 27.720335 of 365 calls.
    expect(decoded(checkpoint, 0, 0, 1)[0]).toBe(Math.fround(Math.fround(27.720335006713867) / 365));
  });
});

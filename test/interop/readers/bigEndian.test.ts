// Big-endian GGUF files as gguf-py's own converter makes them hold the numbers of the little-endian originals.

import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { tensorSource } from '../../../core/checkpoint/tensorSource.ts';
import { loadInto } from '../../../core/decode/elements.ts';
import { type Kernels, loadKernels } from '../../../core/kernels/wasm.ts';
import { dtypeInfo } from '../../../core/tensor/dtype.ts';
import { randomBlocks } from '../../fixtures/randomBlocks.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { writeGguf } from '../../fixtures/writeGguf.ts';
import { referencePython } from './python.ts';

const found = referencePython(['numpy', 'gguf']);
const python = 'python' in found ? found.python : '';
const folder = temporaryFolder();
/** All the converter can handle. */
const TYPES = ['F32', 'F16', 'BF16', 'Q4_0', 'Q8_0', 'Q4_K', 'Q6_K', 'MXFP4'] as const;
const CONVERT = 'from gguf.scripts.gguf_convert_endian import main; main()';
const METADATA = {
  'general.architecture': 'llama',
  'a.list': [1, 2, 3],
  'a.texts': ['one', ''],
  'a.big': 2n ** 40n,
  'a.flag': true,
  'a.float': 0.25,
};

describe.runIf(python !== '')('big-endian GGUF', () => {
  let kernels: Kernels;
  beforeAll(async () => {
    kernels = await loadKernels();
  });

  it.each(TYPES)('%s', async (dtype) => {
    const { blockElements } = dtypeInfo(dtype);
    const data = randomBlocks(dtype, 64, 17);
    const [little, big] = [join(folder, `${dtype}.gguf`), join(folder, `${dtype}-big.gguf`)];
    const shape = [8, 8 * blockElements];
    writeGguf(little, [{ name: 'blk.0.ffn_up.weight', dtype, shape, data }], METADATA);
    copyFileSync(little, big);
    execFileSync(python, ['-c', CONVERT, big, 'big'], { input: 'YES\n', stdio: ['pipe', 'ignore', 'ignore'] });
    expect(readFileSync(big).readUInt32BE(4)).toBe(3);
    const decoded = async (path: string) => {
      const checkpoint = await openCheckpoint(path);
      const { arena } = kernels;
      const elements = 64 * blockElements;
      const values = arena.scoped(() => {
        const dst = arena.alloc(elements * 4 + 64);
        loadInto(kernels, tensorSource(checkpoint, 0), 0, elements, dst);
        return arena.f32(dst, elements).slice();
      });
      return { values: new Uint32Array(values.buffer), metadata: { ...checkpoint.metadata } };
    };
    expect(await decoded(big)).toEqual(await decoded(little));
  });
});

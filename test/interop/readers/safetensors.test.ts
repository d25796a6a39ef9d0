// Every value of safetensors files as the `safetensors` package, NumPy and ml_dtypes read it.

import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { storedBytes } from '../../../core/tensor/dtype.ts';
import { xorshift32 } from '../../fixtures/randomBlocks.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { type FixtureTensor, writeSafetensors } from '../../fixtures/writeSafetensors.ts';
import { compareWithReference } from './compare.ts';
import { referencePython } from './python.ts';

const found = referencePython(['numpy', 'ml_dtypes', 'safetensors']);
const python = 'python' in found ? found.python : '';
const folder = temporaryFolder();

/** Random bytes reach every code of the small types: subnormals, infinities and NaN with them. */
const FLOATS = ['F64', 'F32', 'F16', 'BF16'] as const;
const SMALL = ['F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ', 'F4'] as const;
const INTEGERS = ['I64', 'U64', 'I32', 'U32', 'I16', 'U16', 'I8', 'U8'] as const;
const ELEMENTS = 64 * 1024;

const REAL = [
  'models/tinystories-656K-safetensors/models/story/model.safetensors',
  'models/mnist-burn/examples/import-model-weights/weights/mnist.safetensors',
  'models/retsim-safetensors/weights/model.safetensors',
  'models/silero-vad/src/silero_vad/data/silero_vad_16k.safetensors',
  'models/safetensors-sharded-julia/test/non_sharded/model.safetensors',
];

describe.runIf(python !== '')('safetensors', () => {
  it('every dtype, every kind of value', async () => {
    const next = xorshift32(7);
    const tensors = [...FLOATS, ...SMALL, ...INTEGERS].map((dtype): FixtureTensor => {
      const data = Uint32Array.from({ length: storedBytes(dtype, ELEMENTS) / 4 }, next);
      return { name: `all.${dtype}`, dtype, shape: [64, ELEMENTS / 64], data };
    });
    tensors.push({ name: 'mask', dtype: 'BOOL', shape: [3, 2], data: Uint8Array.of(0, 1, 1, 0, 0, 1) });
    tensors.push({ name: 'scalar', dtype: 'F32', shape: [], data: Float32Array.of(-0.5) });
    tensors.push({ name: 'nothing', dtype: 'F16', shape: [0, 4], data: new Uint8Array(0) });
    const path = join(folder, 'dtypes.safetensors');
    writeSafetensors(path, tensors, { format: 'pt' });
    expect(await compareWithReference(python, path, 'safetensorsReport.py')).toBe(tensors.length);
  });

  const real = REAL.map((name) => sharedData(name)).filter((path) => path !== null);
  it.each(real)('%s', async (path) => {
    expect(await compareWithReference(python, path, 'safetensorsReport.py')).toBeGreaterThan(0);
  });
});

// One small file of each other format, and one that only looks like a model by its name.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imatrixBytes } from '../fixtures/writeImatrix.ts';
import { npyBytes } from '../fixtures/writeNpy.ts';
import { ONNX, writeOnnx } from '../fixtures/writeOnnx.ts';
import { call, dict, storage, tensor, text, torchZip } from '../fixtures/writePickle.ts';

export const FORMATS_FOLDER = 'formats';
export const FORMAT_FILES = {
  onnx: 'net.onnx',
  numpy: 'weights.npy',
  imatrix: 'calibration.imatrix',
  pytorch: 'net.pt',
  /** Names a function that torch.load would run. */
  hostile: 'hostile.pt',
  prose: 'notes.bin',
} as const;

const ROWS = 64;
const COLUMNS = 96;

export function writeFormatFiles(root: string): void {
  const folder = join(root, FORMATS_FOLDER);
  mkdirSync(folder, { recursive: true });
  const write = (name: string, data: string | Uint8Array): void => writeFileSync(join(folder, name), data);
  const weights = (seed: number): Float32Array =>
    Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => Math.sin(i * i * 0.37 + seed) * 0.05);

  writeOnnx(join(folder, FORMAT_FILES.onnx), {
    nodes: ['conv', 'head'].map((name, i) => ({
      op: 'MatMul',
      inputs: [`x${i}`, `${name}.weight`],
      outputs: [`x${i + 1}`],
      name: `/${name}/MatMul`,
    })),
    tensors: ['conv', 'head'].map((name, i) => ({
      name: `${name}.weight`,
      type: ONNX.FLOAT,
      shape: [ROWS, COLUMNS],
      raw: weights(i),
    })),
  });
  write(FORMAT_FILES.numpy, npyBytes({ descr: '<f4', shape: [ROWS, COLUMNS], data: weights(3) }));
  write(
    FORMAT_FILES.imatrix,
    imatrixBytes(
      [0, 1, 2].flatMap((layer) =>
        ['attn_q', 'ffn_down'].map((module, i) => ({
          name: `blk.${layer}.${module}.weight`,
          calls: 4,
          values: Array.from(weights(layer + 7 * i).subarray(0, COLUMNS), (v, at) => 4 * v * v * (at === 40 ? 900 : 1)),
        })),
      ),
      { chunks: 32, dataset: 'calibration.txt' },
    ),
  );
  const layers = (extra: Record<string, Uint8Array>): Uint8Array =>
    torchZip(
      dict({
        'layer1.weight': tensor(storage({ key: '0', elements: ROWS * COLUMNS }), { shape: [ROWS, COLUMNS] }),
        'layer2.weight': tensor(storage({ key: '1', elements: ROWS * COLUMNS }), { shape: [ROWS, COLUMNS] }),
        ...extra,
      }),
      { 0: new Uint8Array(weights(4).buffer), 1: new Uint8Array(weights(5).buffer) },
    );
  write(FORMAT_FILES.pytorch, layers({}));
  write(FORMAT_FILES.hostile, layers({ greeting: call('os.system', text('echo harmless')) }));
  write(FORMAT_FILES.prose, 'Minutes of the last meeting: nobody brought a model.\n'.repeat(40));
}

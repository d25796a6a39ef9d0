// The same file read by Quantscope and by a format's reference reader: names, shapes, dtypes and every value, bit by bit.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Checkpoint } from '../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../core/checkpoint/open.ts';
import { tensorSource } from '../../../core/checkpoint/tensorSource.ts';
import { readElements } from '../../../core/decode/elements.ts';
import { canDecode } from '../../../core/kernels/decode.ts';
import { type Kernels, loadKernels } from '../../../core/kernels/wasm.ts';

/** What a reader found in one tensor; `report` in report.py prints the same. */
export interface TensorReport {
  readonly name: string;
  /** As Quantscope spells it; null when the reference has no name for it. */
  readonly dtype: string | null;
  readonly shape: readonly number[];
  /** Of the values as little-endian float32, row-major, every NaN as 0x7FC00000. */
  readonly sha256: string;
  /** Of the finite values, for people reading a difference. */
  readonly sum: number;
  readonly absMax: number;
}

const CHUNK_ELEMENTS = 1 << 20;
const SCRIPT_MS = 280_000;
const MAX_OUTPUT_BYTES = 256 << 20;

/**
 * Expects both readers to agree on every tensor.
 * @param script name of a script in this folder, called with `path` and `args`; prints a TensorReport per line
 * @param options.args further arguments of the script
 * @param options.rename our name → the reference's, where the two differ by convention
 * @returns the number of tensors compared
 */
export async function compareWithReference(
  python: string,
  path: string,
  script: string,
  options: { args?: readonly string[]; rename?: (name: string) => string } = {},
): Promise<number> {
  const { args = [], rename = (name) => name } = options;
  const theirs = reportsOfReference(python, script, [path, ...args]);
  const ours = (await reportsOf(await openCheckpoint(path))).map((one) => ({ ...one, name: rename(one.name) }));
  const byName = new Map(theirs.map((one) => [one.name, one]));
  expect(ours.map((one) => one.name).sort(), `${path}: names`).toEqual(theirs.map((one) => one.name).sort());
  for (const one of ours) {
    const reference = byName.get(one.name);
    const dtype = reference?.dtype === null ? null : one.dtype;
    // Sums differ in the last digits by the order of adding; the digest has every bit.
    expect({ ...one, dtype, sum: 0 }, `${one.name}: sum ${one.sum} / ${reference?.sum}`).toEqual({
      ...reference,
      sum: 0,
    });
  }
  return ours.length;
}

/** What the reference reader found. @throws Error with what the script said when it fails */
export function reportsOfReference(python: string, script: string, args: readonly string[]): TensorReport[] {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const { status, stdout, stderr, error } = spawnSync(python, [file, ...args], {
    encoding: 'utf8',
    timeout: SCRIPT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  if (status !== 0) throw new Error(`${script} failed: ${error?.message ?? stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line): TensorReport => JSON.parse(line));
}

/** What Quantscope finds, through the decoding that statistics use; complex tensors are left out. */
export async function reportsOf(checkpoint: Checkpoint): Promise<TensorReport[]> {
  const kernels = await loadKernels();
  return checkpoint.tensors
    .filter(({ dtype, storage }) => storage?.kind === 'packed' || canDecode(dtype))
    .map(({ index, name, dtype, shape, elements }) => {
      return { name, dtype, shape: [...shape], ...digest(kernels, checkpoint, index, elements) };
    });
}

function digest(
  kernels: Kernels,
  checkpoint: Checkpoint,
  index: number,
  elements: number,
): Pick<TensorReport, 'sha256' | 'sum' | 'absMax'> {
  const source = tensorSource(checkpoint, index);
  const hash = createHash('sha256');
  let [sum, absMax] = [0, 0];
  for (let first = 0; first < elements; first += CHUNK_ELEMENTS) {
    const count = Math.min(CHUNK_ELEMENTS, elements - first);
    kernels.arena.scoped(() => {
      const at = readElements(kernels, source, first, count);
      const values = kernels.arena.f32(at, count).slice();
      for (let i = 0; i < count; i++) {
        const value = values[i] ?? 0;
        if (Number.isNaN(value)) values[i] = Number.NaN;
        if (!Number.isFinite(value)) continue;
        sum += value;
        absMax = Math.max(absMax, Math.abs(value));
      }
      hash.update(values);
    });
  }
  return { sha256: hash.digest('hex'), sum, absMax };
}

// Writes packed fixtures into a folder of their own, opens them with config.json beside, decodes them as statistics do.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Checkpoint, TensorInfo } from '../../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../../core/checkpoint/open.ts';
import { tensorSource } from '../../../../core/checkpoint/tensorSource.ts';
import { readElements } from '../../../../core/decode/elements.ts';
import { loadKernels } from '../../../../core/kernels/wasm.ts';
import type { PackedLayer } from '../../../fixtures/packed/packedLayer.ts';
import { temporaryFolder } from '../../../fixtures/temporaryFolder.ts';
import { type FixtureTensor, writeSafetensors } from '../../../fixtures/writeSafetensors.ts';

const folder = temporaryFolder();
const kernels = await loadKernels();

export async function openPacked(
  tensors: readonly FixtureTensor[],
  config?: Readonly<Record<string, unknown>>,
): Promise<Checkpoint> {
  const own = mkdtempSync(join(folder, 'packed-'));
  writeSafetensors(join(own, 'model.safetensors'), tensors, { format: 'pt' });
  if (config !== undefined) writeFileSync(join(own, 'config.json'), JSON.stringify(config));
  return openCheckpoint(own);
}

export function tensorNamed(checkpoint: Checkpoint, name: string): TensorInfo {
  const tensor = checkpoint.tensors.find((candidate) => candidate.name === name);
  if (tensor === undefined) {
    throw new Error(`${name} is not listed, only ${checkpoint.tensors.map((listed) => listed.name).join(', ')}`);
  }
  return tensor;
}

export function storedBytes(tensors: readonly FixtureTensor[]): number {
  return tensors.reduce((total, { data }) => total + data.byteLength, 0);
}

export function decoded(checkpoint: Checkpoint, tensor: TensorInfo): number[] {
  return kernels.arena.scoped(() => {
    const pointer = readElements(kernels, tensorSource(checkpoint, tensor.index), 0, tensor.elements);
    return [...kernels.arena.f32(pointer, tensor.elements)];
  });
}

/** One tensor listed, with logical shape, all bytes and the values that were packed. */
export async function checkLayer(
  layer: PackedLayer,
  wanted: { name: string; dtype: string; scheme: string },
  config?: Readonly<Record<string, unknown>>,
): Promise<void> {
  const checkpoint = await openPacked(layer.tensors, config);
  const { name, dtype, scheme } = wanted;
  expect(checkpoint.warnings).toEqual([]);
  expect(checkpoint.tensors.map((tensor) => tensor.name)).toEqual([name]);
  const weight = tensorNamed(checkpoint, name);
  const { shape } = layer;
  const elements = shape.reduce((product, size) => product * size, 1);
  expect(weight).toMatchObject({ dtype, shape, elements, bytes: storedBytes(layer.tensors), storage: { scheme } });
  expect(decoded(checkpoint, weight)).toEqual(layer.values);
}

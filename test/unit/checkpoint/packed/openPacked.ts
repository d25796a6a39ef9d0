// Writes packed fixtures into a folder of their own and opens them, with config.json beside.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint, TensorInfo } from '../../../../core/checkpoint/checkpoint.ts';
import { openCheckpoint } from '../../../../core/checkpoint/open.ts';
import { temporaryFolder } from '../../../fixtures/temporaryFolder.ts';
import { type FixtureTensor, writeSafetensors } from '../../../fixtures/writeSafetensors.ts';

const folder = temporaryFolder();

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

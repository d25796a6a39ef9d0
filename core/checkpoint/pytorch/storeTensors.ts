// Tensors of a pickle as tensors of a checkpoint, and what to tell of those that are not quite what they seem.

import type { StoredTensor } from '../format.ts';
import { quoteName } from '../tensorName.ts';
import type { NamedTensor } from './collectTensors.ts';
import { shownName } from './globalLog.ts';
import { claimedBytes, type Places, placeTensor, storedElements } from './placeTensor.ts';
import { packQuantized } from './quantized.ts';
import { bytesPerElement } from './storageTypes.ts';

export interface StoredTensors {
  readonly tensors: readonly StoredTensor[];
  readonly warnings: readonly string[];
}

/** Names and storages told in one warning. */
const SHOWN_NAMES = 8;
const SHOWN_OVERLAPS = 8;
const SHOWN_VIEWS = 3;

/**
 * @param file number of the file in the checkpoint
 * @throws SHAPE_INVALID, TENSOR_OVERRUN
 */
export function storeTensors(named: readonly NamedTensor[], places: Places, file: number, path: string): StoredTensors {
  const tensors: StoredTensor[] = [];
  const unknown: string[] = [];
  const raw: string[] = [];
  for (const { name, tensor } of named) {
    const where = (): string => `${path}: tensor ${quoteName(name)}`;
    if (tensor.dtype === null) {
      unknown.push(`${quoteName(name)} (${shownName(tensor.dtypeName)})`);
      continue;
    }
    const placed = placeTensor(tensor, tensor.dtype, places, file, where);
    const packed = tensor.quantizer === undefined ? null : packQuantized(tensor, placed, places, file, where);
    if (tensor.quantizer !== undefined && packed === null) raw.push(quoteName(name));
    tensors.push({ name, ...(packed ?? placed) });
  }
  const warnings: string[] = [];
  if (unknown.length > 0) warnings.push(`${path}: tensors of unknown types are left out: ${some(unknown)}`);
  if (raw.length > 0) warnings.push(`${path}: quantized tensors are shown as their raw codes: ${some(raw)}`);
  warnings.push(...tellOverlaps(named, path));
  return { tensors, warnings };
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).join(', ');
  return names.length > SHOWN_NAMES ? `${shown}, … (${names.length} in all)` : shown;
}

/** Several views of one storage may count the same bytes more than once: told where the sums prove it. */
function tellOverlaps(named: readonly NamedTensor[], path: string): string[] {
  const counted = new Map<string, number>();
  for (const { tensor } of named) {
    const { key } = tensor.storage;
    counted.set(key, (counted.get(key) ?? 0) + storedElements(tensor) * bytesPerElement(tensor.dtype));
  }
  const crowded = named.filter(({ tensor }) => (counted.get(tensor.storage.key) ?? 0) > claimedBytes(tensor.storage));
  return [...Map.groupBy(crowded, ({ tensor }) => tensor.storage.key)].slice(0, SHOWN_OVERLAPS).map(([key, views]) => {
    const names = views.slice(0, SHOWN_VIEWS).map(({ name }) => quoteName(name));
    const storage = views[0]?.tensor.storage;
    const sums = `they count ${counted.get(key)} bytes, it has ${storage === undefined ? 0 : claimedBytes(storage)}`;
    return `${path}: ${views.length} tensors (${names.join(', ')}) overlap in storage ${quoteName(key)}: ${sums}`;
  });
}

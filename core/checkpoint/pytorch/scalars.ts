// Numbers and short texts a training script saved beside the weights: epoch, learning rate, name of the architecture.

import type { MetadataValue } from '../checkpoint.ts';
import { isDict, type PickleValue } from './pickleValue.ts';

/** Enough for the hyperparameters of a training run. */
const MAX_SCALARS = 256;
const MAX_TEXT_CHARACTERS = 2000;
const MAX_KEY_CHARACTERS = 200;
/** Dicts inside dicts: {"hyper_parameters": {"lr": 0.001}}. */
const MAX_LEVELS = 2;

/** Keys are joined by dots. */
export function scalarsOf(root: PickleValue): Record<string, MetadataValue> {
  const found = new Map<string, MetadataValue>();
  gather(root, '', 1, found);
  return Object.fromEntries(found);
}

function gather(value: PickleValue, path: string, level: number, found: Map<string, MetadataValue>): void {
  if (!isDict(value)) return;
  for (const [key, item] of value.entries ?? []) {
    if (found.size === MAX_SCALARS) return;
    if (typeof key !== 'string' || key.length > MAX_KEY_CHARACTERS || key === '__proto__') continue;
    const name = path === '' ? key : `${path}.${key}`;
    if (isScalar(item)) found.set(name, item);
    else if (level < MAX_LEVELS) gather(item, name, level + 1, found);
  }
}

function isScalar(value: PickleValue): value is string | number | bigint | boolean {
  if (typeof value === 'string') return value.length <= MAX_TEXT_CHARACTERS;
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
}

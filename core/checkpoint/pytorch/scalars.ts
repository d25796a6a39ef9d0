// Numbers and short texts a training script saved beside the weights: epoch, learning rate, name of the architecture.

import type { MetadataValue } from '../checkpoint.ts';
import { isDict, type PickleValue } from './pickleValue.ts';

/** Enough for the hyperparameters of a training run. */
const MAX_SCALARS = 256;
const MAX_TEXT_CHARACTERS = 2000;
const MAX_KEY_CHARACTERS = 200;

/** Of a dict and the dicts in it, {"hyper_parameters": {"lr": 0.001}}: keys are joined by dots. */
export function scalarsOf(root: PickleValue): Record<string, MetadataValue> {
  const found = new Map<string, MetadataValue>();
  gather(root, '', found, new Set());
  return Object.fromEntries(found);
}

/** @param seen dicts on the way and dicts done: one may be met a million times */
function gather(value: PickleValue, path: string, found: Map<string, MetadataValue>, seen: Set<PickleValue>): void {
  if (!isDict(value) || seen.has(value)) return;
  seen.add(value);
  for (const [key, item] of value.entries ?? []) {
    if (found.size === MAX_SCALARS) return;
    if (typeof key !== 'string' || key.length > MAX_KEY_CHARACTERS || key === '__proto__') continue;
    const name = path === '' ? key : `${path}.${key}`;
    if (isScalar(item)) found.set(name, item);
    else if (path === '') gather(item, name, found, seen);
  }
}

function isScalar(value: PickleValue): value is string | number | bigint | boolean {
  if (typeof value === 'string') return value.length <= MAX_TEXT_CHARACTERS;
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
}

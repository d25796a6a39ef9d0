// Bytes this thread read before and will want again, in this task or the next on the same tensor: bounded, the least
// recently used go first.

import { statSync } from 'node:fs';
import { MAX_KEPT_BYTES } from '../base/limits.ts';
import { fileError } from './fileErrors.ts';

/** What a range of some axis (bytes, rows) looks like in memory; `from` and `to` are its keeper's to define. */
export interface KeptBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly from: number;
  readonly to: number;
}

/** Of the files of the current task. */
const identities = new Map<string, string>();
const kept = new Map<string, KeptBytes>();
let total = 0;

/** A file as it was when this task first asked, for keys: a changed file has another identity from the next task on. */
export function fileIdentity(path: string): string {
  let identity = identities.get(path);
  if (identity === undefined) {
    try {
      const { dev, ino, size, mtimeMs } = statSync(path);
      identity = `${path}\n${dev} ${ino} ${size} ${mtimeMs}`;
    } catch (error) {
      throw fileError(path, error, 'looking it up');
    }
    identities.set(path, identity);
  }
  return identity;
}

/** Looks files up again: they may change between tasks. */
export function forgetIdentities(): void {
  identities.clear();
}

/** @returns what was last kept under `key`, or undefined when it was never kept or had to go */
export function keptBytes(key: string): KeptBytes | undefined {
  const found = kept.get(key);
  if (found === undefined) return undefined;
  kept.delete(key);
  kept.set(key, found);
  return found;
}

/** Makes room for `size` bytes; call it before allocating them. */
export function makeRoom(size: number): void {
  for (const [oldest, { bytes }] of kept) {
    if (total + size <= MAX_KEPT_BYTES) return;
    kept.delete(oldest);
    total -= bytes.length;
  }
}

/** Keeps `found` until room is needed. */
export function keepBytes(key: string, found: KeptBytes): void {
  const before = kept.get(key);
  if (before !== undefined) {
    kept.delete(key);
    total -= before.bytes.length;
  }
  makeRoom(found.bytes.length);
  kept.set(key, found);
  total += found.bytes.length;
}

/** Forgets everything. */
export function dropKeptBytes(): void {
  identities.clear();
  kept.clear();
  total = 0;
}

// Bytes this thread read before and will want again within the same task: bounded, least recently used goes first.

import { MAX_KEPT_BYTES } from '../base/limits.ts';

/** What a range of some axis (bytes, rows) looks like in memory; `from` and `to` are its keeper's to define. */
export interface KeptBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly from: number;
  readonly to: number;
}

const kept = new Map<string, KeptBytes>();
let total = 0;

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

/** Keeps `found` until room is needed or the task ends. */
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

/** Forgets everything: files may change between tasks. */
export function dropKeptBytes(): void {
  kept.clear();
  total = 0;
}

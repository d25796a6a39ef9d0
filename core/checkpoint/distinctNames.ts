// Has this name been there before? A Set of a million fresh strings takes half a second and 40 MB; this takes a quarter.

import { randomInt } from 'node:crypto';

/** Names of one process hash differently from those of the next, so that no file can make them collide. */
const SEED = randomInt(2 ** 32);
/** FNV-1a's prime. */
const PRIME = 0x01000193;
const FIRST_SLOTS = 1024;
/** Runs at half load stay far below; a longer one means somebody found colliding names after all. */
const MAX_PROBES = 512;

export class DistinctNames {
  readonly #nameAt: (position: number) => string | undefined;
  #count = 0;
  /** Pairs of a position + 1 (0: free) and its name's hash, side by side in memory; open addressing, at most half full. */
  #slots = new Int32Array(2 * FIRST_SLOTS);
  #fallback: Set<string> | null = null;

  /** @param nameAt the names added so far, which the caller keeps: the first has position 0 */
  constructor(nameAt: (position: number) => string | undefined) {
    this.#nameAt = nameAt;
  }

  /** @returns false when the name was added before */
  add(name: string): boolean {
    if (this.#fallback !== null) return addTo(this.#fallback, name);
    if (4 * this.#count >= this.#slots.length) this.#grow();
    const hash = hashOf(name);
    const slots = this.#slots;
    const mask = slots.length - 2;
    let at = (2 * hash) & mask;
    for (let probe = 0; probe < MAX_PROBES; probe++, at = (at + 2) & mask) {
      const position = slots[at] as number;
      if (position === 0) {
        slots[at] = ++this.#count;
        slots[at + 1] = hash;
        return true;
      }
      if (slots[at + 1] === hash && this.#nameAt(position - 1) === name) return false;
    }
    this.#fallback = new Set(Array.from({ length: this.#count }, (_, position) => this.#nameAt(position) ?? ''));
    return addTo(this.#fallback, name);
  }

  #grow(): void {
    const before = this.#slots;
    const slots = new Int32Array(2 * before.length);
    const mask = slots.length - 2;
    for (let from = 0; from < before.length; from += 2) {
      const position = before[from] as number;
      if (position === 0) continue;
      const hash = before[from + 1] as number;
      let at = (2 * hash) & mask;
      while (slots[at] !== 0) at = (at + 2) & mask;
      slots[at] = position;
      slots[at + 1] = hash;
    }
    this.#slots = slots;
  }
}

function addTo(names: Set<string>, name: string): boolean {
  const before = names.size;
  return names.add(name).size > before;
}

function hashOf(name: string): number {
  let hash = SEED;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), PRIME);
  // The prime moves little into the low bits that pick a slot.
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) ^ (hash >>> 12);
}

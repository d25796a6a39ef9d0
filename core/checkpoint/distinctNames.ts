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
  /** Position + 1 of a name, or 0; open addressing, at most half full. */
  #slots = new Int32Array(FIRST_SLOTS);
  #hashes = new Int32Array(FIRST_SLOTS);
  #fallback: Set<string> | null = null;

  /** @param nameAt the names added so far, which the caller keeps: the first has position 0 */
  constructor(nameAt: (position: number) => string | undefined) {
    this.#nameAt = nameAt;
  }

  /** @returns false when the name was added before */
  add(name: string): boolean {
    if (this.#fallback !== null) return addTo(this.#fallback, name);
    if (2 * this.#count >= this.#slots.length) this.#grow();
    const hash = hashOf(name);
    const mask = this.#slots.length - 1;
    let at = hash & mask;
    for (let probe = 0; probe < MAX_PROBES; probe++, at = (at + 1) & mask) {
      const position = this.#slots[at] as number;
      if (position === 0) {
        this.#slots[at] = ++this.#count;
        this.#hashes[at] = hash;
        return true;
      }
      if (this.#hashes[at] === hash && this.#nameAt(position - 1) === name) return false;
    }
    this.#fallback = new Set(Array.from({ length: this.#count }, (_, position) => this.#nameAt(position) ?? ''));
    return addTo(this.#fallback, name);
  }

  #grow(): void {
    const [slots, hashes] = [this.#slots, this.#hashes];
    const mask = 2 * slots.length - 1;
    this.#slots = new Int32Array(2 * slots.length);
    this.#hashes = new Int32Array(2 * slots.length);
    for (let from = 0; from < slots.length; from++) {
      const position = slots[from] as number;
      if (position === 0) continue;
      const hash = hashes[from] as number;
      let at = hash & mask;
      while (this.#slots[at] !== 0) at = (at + 1) & mask;
      this.#slots[at] = position;
      this.#hashes[at] = hash;
    }
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

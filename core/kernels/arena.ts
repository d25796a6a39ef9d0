// Scratch memory inside one WASM instance: allocate upward, release back to a mark.

import { QuantscopeError } from '../base/errors.ts';
import { MAX_ARENA_BYTES } from '../base/limits.ts';

const PAGE_BYTES = 65536;
const ALIGN_BYTES = 64; // a cache line; at least the 16 that v128 loads like

/** Views go stale when memory grows: take them after the last `alloc`, or again. */
export class Arena {
  readonly #memory: WebAssembly.Memory;
  #top: number;

  constructor(memory: WebAssembly.Memory, base: number) {
    this.#memory = memory;
    this.#top = align(base);
  }

  /** @returns a pointer to `bytes` bytes of unspecified content. @throws MEMORY_LIMIT */
  alloc(bytes: number): number {
    const at = this.#top;
    const end = align(at + bytes);
    if (end > MAX_ARENA_BYTES)
      throw new QuantscopeError(
        'MEMORY_LIMIT',
        `a kernel needs ${end} bytes of scratch, the limit is ${MAX_ARENA_BYTES}`,
      );
    const missing = end - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.#top = end;
    return at;
  }

  /** Runs `body` and gives back everything it allocated. */
  scoped<T>(body: () => T): T {
    const mark = this.#top;
    try {
      return body();
    } finally {
      this.#top = mark;
    }
  }

  u8(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, at, length);
  }

  u32(at: number, length: number): Uint32Array {
    return new Uint32Array(this.#memory.buffer, at, length);
  }

  f32(at: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, at, length);
  }

  f64(at: number, length: number): Float64Array {
    return new Float64Array(this.#memory.buffer, at, length);
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGN_BYTES) * ALIGN_BYTES;
}

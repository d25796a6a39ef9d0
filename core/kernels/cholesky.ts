// The Cholesky factor of a matrix on the host by the WASM kernels, rows of a block at a time in their memory.

import type { Kernels } from './wasm.ts';

const BLOCK = 64;

/**
 * H = Mᵀ M, M lower triangular, in float64: the bits of `cholesky` in core/quant/gptq/feedback.ts.
 * @param h [n, n]: its lower triangle becomes M
 * @param checkpoint called between blocks; may throw
 * @returns the row whose pivot is not positive, or −1
 */
export function choleskyFactor(kernels: Kernels, h: Float64Array, n: number, checkpoint?: () => void): number {
  const { run, arena } = kernels;
  const step = panelStep(n);
  const rowsFrom = (to: number, first: number, end: number, columns: number): void => {
    for (let row = first; row < end; row++)
      arena.f64(to + (row - first) * step, columns).set(h.subarray(row * n, row * n + columns));
  };
  return arena.scoped(() => {
    const own = arena.alloc(BLOCK * step);
    const below = arena.alloc(BLOCK * step);
    const packed = arena.alloc(BLOCK * PACKED_BYTES);
    const last = Math.floor((n - 1) / BLOCK) * BLOCK;
    for (let first = last; first >= 0; first -= BLOCK) {
      const end = Math.min(n, first + BLOCK);
      rowsFrom(own, first, end, end);
      for (let later = last; later > first; later -= BLOCK) {
        checkpoint?.();
        const count = Math.min(n, later + BLOCK) - later;
        rowsFrom(below, later, later + count, end);
        const from = below + (count - 1) * step; // the last row takes from those above it first
        run.subtractProduct(own, step, end - first, end, from + first * 8, from, -step, -step, count, packed);
      }
      const failed = run.choleskyPanel(own, step, first, end - first);
      if (failed >= 0) return failed;
      for (let row = first; row < end; row++) h.set(arena.f64(own + (row - first) * step, row + 1), row * n);
    }
    return -1;
  });
}

/** Scratch of `subtractProduct` per row of depth. */
export const PACKED_BYTES = 32;

/** Bytes from row to row of n float64: room for whole vectors, and never a power of two, which would crowd the cache. */
export function panelStep(n: number): number {
  return Math.ceil(n / 8) * 64 + 64;
}
